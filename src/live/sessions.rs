//! Sessions with open sockets. The end of a session closes them.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::models::SessionId;

/// The number of sockets by session, and the token that they wait on.
type OpenSessions = HashMap<SessionId, (CancellationToken, usize)>;

#[derive(Default)]
pub(crate) struct LiveSessions {
    open: Arc<Mutex<OpenSessions>>,
}

/// Registers one socket until it is dropped.
pub(crate) struct SessionGuard {
    open: Arc<Mutex<OpenSessions>>,
    id: SessionId,
    ended: CancellationToken,
}

impl LiveSessions {
    pub(crate) fn register(&self, id: SessionId) -> SessionGuard {
        let ended = {
            let mut open = self.open.lock();
            let (ended, sockets) = open.entry(id.clone()).or_default();
            *sockets += 1;
            ended.clone()
        };
        SessionGuard { open: Arc::clone(&self.open), id, ended }
    }

    pub fn open(&self) -> Vec<SessionId> {
        self.open.lock().keys().cloned().collect()
    }

    pub(crate) fn end(&self, id: &SessionId) {
        if let Some((ended, _)) = self.open.lock().get(id) {
            ended.cancel();
        }
    }
}

impl SessionGuard {
    /// Returns once the session has ended.
    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }
}

impl Drop for SessionGuard {
    fn drop(&mut self) {
        let mut open = self.open.lock();
        if let Some((_, sockets)) = open.get_mut(&self.id) {
            *sockets -= 1;
            if *sockets == 0 {
                open.remove(&self.id);
            }
        }
    }
}
