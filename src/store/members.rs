use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use mongodb::bson::oid::ObjectId;
use parking_lot::Mutex;
use tokio::time::Instant;

/// How long after its last signal another instance counts as running.
pub(crate) const MEMBER_TIMEOUT: Duration = Duration::from_secs(25);
/// Maximum age of this instance's own last heartbeat on the change stream for it to count as the only instance. A
/// stream that is silent for longer may also hide another instance.
const MAX_SILENCE: Duration = Duration::from_secs(3);
const MAX_SENT: usize = 64;

pub(crate) type InstanceId = ObjectId;

pub(crate) struct Members {
    own: InstanceId,
    is_shared: bool,
    state: Mutex<MembersState>,
}

#[derive(Default)]
struct MembersState {
    /// Since when the change stream is open.
    connected_since: Option<Instant>,
    /// When the newest own signal that came back was sent: a stream that lags is as bad as a silent one.
    own_signal: Option<Instant>,
    sent: VecDeque<(ObjectId, Instant)>,
    others: HashMap<InstanceId, Instant>,
}

impl Members {
    pub(super) fn new(is_shared: bool) -> Self {
        Self { own: ObjectId::new(), is_shared, state: Mutex::default() }
    }

    pub(super) fn is_shared(&self) -> bool {
        self.is_shared
    }

    pub(crate) fn own(&self) -> InstanceId {
        self.own
    }

    /// Returns whether no other instance writes: there can be none, or its signals would have arrived.
    pub(crate) fn is_sole_instance(&self) -> bool {
        !self.is_shared || {
            let mut state = self.state.lock();
            state.remove_silent();
            let is_recent = state.own_signal.is_some_and(|sent| sent.elapsed() < MAX_SILENCE);
            let has_listened = state.connected_since.is_some_and(|since| since.elapsed() > MEMBER_TIMEOUT);
            is_recent && has_listened && state.others.is_empty()
        }
    }

    /// Returns whether another instance may be running. It takes [`MEMBER_TIMEOUT`] on the stream to tell.
    pub(super) fn may_be_running(&self, instance: InstanceId) -> bool {
        let mut state = self.state.lock();
        state.remove_silent();
        let has_listened = state.connected_since.is_some_and(|since| since.elapsed() >= MEMBER_TIMEOUT);
        state.others.contains_key(&instance) || (self.is_shared && !has_listened)
    }

    pub(crate) fn has_others(&self) -> bool {
        let mut state = self.state.lock();
        state.remove_silent();
        !state.others.is_empty()
    }

    pub(crate) fn set_connected(&self, is_connected: bool) {
        self.state.lock().connected_since = is_connected.then(Instant::now);
    }

    /// Records a signal that arrived on the change stream. Returns whether another instance sent it.
    pub(crate) fn record(&self, instance: InstanceId, signal: ObjectId) -> bool {
        let mut state = self.state.lock();
        if instance != self.own {
            state.others.insert(instance, Instant::now());
            return true;
        }
        let sent = state.sent.iter().find(|(id, _)| *id == signal).map(|(_, sent)| *sent);
        state.own_signal = state.own_signal.max(sent);
        false
    }

    pub(super) fn record_sent(&self, signal: ObjectId) {
        let mut state = self.state.lock();
        state.sent.truncate(MAX_SENT - 1);
        state.sent.push_front((signal, Instant::now()));
    }
}

impl MembersState {
    fn remove_silent(&mut self) {
        self.others.retain(|_, heard| heard.elapsed() < MEMBER_TIMEOUT);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_instance_is_alone_while_it_receives_its_own_heartbeats_and_no_others() {
        assert!(Members::new(false).is_sole_instance(), "there can be no other");
        let members = Members::new(true);
        let beat = || {
            let signal = ObjectId::new();
            members.record_sent(signal);
            assert!(!members.record(members.own(), signal));
        };
        advance(MEMBER_TIMEOUT * 2).await;
        assert!(!members.is_sole_instance(), "the stream is not open");
        members.set_connected(true);
        beat();
        assert!(!members.is_sole_instance(), "another one may not have sent a signal yet");
        advance(MEMBER_TIMEOUT + Duration::from_secs(1)).await;
        assert!(!members.is_sole_instance(), "the stream is silent");
        beat();
        assert!(members.is_sole_instance() && !members.has_others());
        assert!(members.record(ObjectId::new(), ObjectId::new()));
        assert!(!members.is_sole_instance() && members.has_others());
        advance(MEMBER_TIMEOUT + Duration::from_secs(1)).await;
        beat();
        assert!(members.is_sole_instance() && !members.has_others());
        advance(MAX_SILENCE).await;
        assert!(!members.is_sole_instance(), "the stream has fallen silent");
        beat();
        members.set_connected(false);
        assert!(!members.is_sole_instance(), "the stream is lost");
    }
}
