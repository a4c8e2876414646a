//! The sessions that have sockets open, so that a session that ends takes its sockets along.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::models::SessionId;

/// By session: what its sockets wait on, and how many they are.
type OpenSessions = HashMap<SessionId, (CancellationToken, usize)>;

/// The sessions with sockets.
#[derive(Default)]
pub(crate) struct LiveSessions {
    /// A socket comes and goes by its [`Held`]; locked for lines.
    open: Arc<Mutex<OpenSessions>>,
}

/// One socket's hold on its session. Dropping it lets go, down to the key.
pub(crate) struct SessionGuard {
    open: Arc<Mutex<OpenSessions>>,
    id: SessionId,
    ended: CancellationToken,
}

impl LiveSessions {
    /// Registers a socket of a session.
    pub(crate) fn register(&self, id: SessionId) -> SessionGuard {
        let ended = {
            let mut open = self.open.lock();
            let (ended, sockets) = open.entry(id.clone()).or_default();
            *sockets += 1;
            ended.clone()
        };
        SessionGuard { open: Arc::clone(&self.open), id, ended }
    }

    /// The sessions with sockets.
    pub fn open(&self) -> Vec<SessionId> {
        self.open.lock().keys().cloned().collect()
    }

    /// Ends a session: all of its sockets learn of it.
    pub(crate) fn end(&self, id: &SessionId) {
        if let Some((ended, _)) = self.open.lock().get(id) {
            ended.cancel();
        }
    }
}

impl SessionGuard {
    /// Done once the session has ended.
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
