use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// Values by key for as long as they are held elsewhere. A value removes its key when it is dropped.
pub(super) struct WeakMap<K, V>(Mutex<HashMap<K, Weak<V>>>);

impl<K, V> Default for WeakMap<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V> WeakMap<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<Arc<V>> {
        self.0.lock().get(key).and_then(Weak::upgrade)
    }

    pub(super) fn get_or_insert(&self, key: K, create: impl FnOnce() -> Arc<V>) -> Arc<V> {
        let mut values = self.0.lock();
        if let Some(value) = values.get(&key).and_then(Weak::upgrade) {
            return value;
        }
        let value = create();
        values.insert(key, Arc::downgrade(&value));
        value
    }

    pub(super) fn all(&self) -> Vec<Arc<V>> {
        self.0.lock().values().filter_map(Weak::upgrade).collect()
    }

    /// Removes the key of a value that is being dropped, unless a new value has taken it.
    pub(super) fn remove_dropped(&self, key: &K) {
        let mut values = self.0.lock();
        if values.get(key).is_some_and(|value| value.strong_count() == 0) {
            values.remove(key);
        }
    }
}
