//! The directory: the folded names of all users in memory, in order, for lists and searches.
//!
//! A search for a part of a name has no index in the database. The directory reads all names once, with the first list
//! or search, and then only the users that have changed. A list reads the users that it shows.
//!
//! * Its bytes count towards the budget of all caches, which may empty it. A quarter of the budget is its limit.
//! * With more users than fit there is no list of all, and a search finds names by their beginning, from the index.
//! * Signals may be lost, so it is read again at [`MAX_AGE`].

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use mongodb::bson::{Document, doc};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::task::yield_now;
use tokio::time::Instant;

use super::User;
use super::name_match::{NamePattern, Rank};
use crate::cache::{Budget, Charge, Evict};
use crate::error::{Error, Result};
use crate::models::UserId;
use crate::models::values::{Nickname, collapse, key};
use crate::store::{Database, ModelState, with_timeout};

const MAX_AGE: Duration = Duration::from_secs(10 * 60);
const MAX_IDLE: Duration = Duration::from_secs(5 * 60);
/// More changes than these read everything again.
const MAX_CHANGES: usize = 2_000;
const BATCH: usize = 500;
/// Names compared before other tasks run: about 1 ms.
const NAMES_PER_TURN: usize = 4_096;
/// The last page of a search in the index.
const MAX_INDEX_PAGE: usize = 20;

/// A page of the users whose names match.
#[derive(Debug, Default)]
pub(crate) struct FoundPeople {
    pub(crate) people: Vec<User>,
    /// From 1.
    pub(crate) page: usize,
    pub(crate) has_next: bool,
    /// The site has too many users to list them all.
    pub(crate) needs_query: bool,
}

pub(crate) struct Directory {
    memory: Arc<Memory>,
    /// Held by the one task that reads names.
    reading: Arc<tokio::sync::Mutex<()>>,
}

struct Memory {
    state: Mutex<State>,
    budget: Arc<Budget>,
}

struct State {
    names: Option<Arc<Names>>,
    /// When `names` were read, or when they turned out to be too many.
    read: Option<Instant>,
    changed: HashSet<UserId>,
    /// Names that are read at this moment are too old.
    is_outdated: bool,
    charge: Charge,
    last_used: Instant,
}

/// A pending change of a user's name. Dropping it ends the change.
pub(super) struct NameChange<'a> {
    directory: &'a Directory,
    user: UserId,
}

impl Drop for NameChange<'_> {
    fn drop(&mut self) {
        self.directory.invalidate(self.user);
    }
}

/// Folded names in order, in one text.
#[derive(Clone, Default)]
struct Names {
    entries: Vec<NameEntry>,
    text: String,
}

#[derive(Clone, Copy)]
struct NameEntry {
    id: UserId,
    start: u32,
    end: u32,
}

#[derive(Deserialize)]
struct Named {
    #[serde(rename = "_id")]
    id: UserId,
    nickname: Nickname,
    /// Missing where an instance of an earlier version signed the user up.
    #[serde(rename = "nicknameKey", default)]
    key: String,
}

impl Named {
    fn fields() -> Document {
        doc! { "nickname": 1, "nicknameKey": 1 }
    }
}

impl ModelState for Directory {
    fn new(db: &Database) -> Self {
        let budget = Arc::clone(db.budget());
        let state = State {
            names: None,
            read: None,
            changed: HashSet::new(),
            is_outdated: false,
            charge: budget.charge(0),
            last_used: Instant::now(),
        };
        let memory = Arc::new(Memory { state: Mutex::new(state), budget });
        let weak: Weak<dyn Evict> = Arc::downgrade(&(Arc::clone(&memory) as Arc<dyn Evict>));
        memory.budget.register(weak);
        Self { memory, reading: Arc::default() }
    }
}

impl User {
    /// Returns a page of the users whose names match what was typed, the best matches first, then by name.
    pub(crate) async fn people(db: &Arc<Database>, typed: &str, page: usize, size: usize) -> Result<FoundPeople> {
        let Some(names) = db.state::<Directory>().names(db).await? else {
            return Self::people_by_index(db, typed, page.min(MAX_INDEX_PAGE), size).await;
        };
        let (ids, page, has_next) = names.page(NamePattern::new(typed).as_ref(), page, size).await;
        let mut users = if ids.is_empty() { HashMap::new() } else { Self::find_all(db, &ids).await? };
        let people = ids.iter().filter_map(|id| users.remove(id)).collect();
        Ok(FoundPeople { people, page, has_next, needs_query: false })
    }

    /// Returns the users whose names match best.
    pub(crate) async fn search_people(db: &Arc<Database>, typed: &str, count: usize) -> Result<Vec<UserId>> {
        let Some(names) = db.state::<Directory>().names(db).await? else {
            let found = Self::people_by_index(db, typed, 1, count).await?;
            return Ok(found.people.into_iter().map(|user| user.id).collect());
        };
        Ok(names.page(NamePattern::new(typed).as_ref(), 1, count).await.0)
    }

    async fn people_by_index(db: &Database, typed: &str, page: usize, size: usize) -> Result<FoundPeople> {
        let prefix = collapse(&key(typed));
        if prefix.is_empty() {
            return Ok(FoundPeople { page: 1, needs_query: true, ..FoundPeople::default() });
        }
        let window = doc! { "nicknameKey": { "$gte": &prefix, "$lt": format!("{prefix}\u{10ffff}") } };
        let slice = (((page - 1) * size) as u64, size as i64 + 1);
        let mut people = db.collection::<Self>().find_slice(window, doc! { "nicknameKey": 1 }, slice).await?;
        let has_next = people.len() > size && page < MAX_INDEX_PAGE;
        people.truncate(size);
        Ok(FoundPeople { people, page, has_next, needs_query: false })
    }
}

impl Directory {
    /// Invalidates a user's name when the write that changes it has ended.
    pub(super) fn change(&self, user: UserId) -> NameChange<'_> {
        NameChange { directory: self, user }
    }

    /// Reads a user's name again: the user has signed up, has another name or was deleted.
    pub(crate) fn invalidate(&self, user: UserId) {
        let mut state = self.memory.state.lock();
        if state.names.is_none() && state.read.is_some() {
            return;
        }
        state.changed.insert(user);
        if state.changed.len() > MAX_CHANGES {
            state.clear();
        }
    }

    /// Drops everything: signals may have been lost.
    pub(crate) fn clear(&self) {
        self.memory.state.lock().clear();
    }

    /// Returns the current names. Returns `None` if they do not fit.
    async fn names(&self, db: &Arc<Database>) -> Result<Option<Arc<Names>>> {
        if let Some(names) = self.memory.current() {
            return Ok(names);
        }
        let (memory, reading, db) = (Arc::clone(&self.memory), Arc::clone(&self.reading), Arc::clone(db));
        // The task goes on when the request ends, so that the next one finds the names.
        let task = tokio::spawn(async move {
            let _only = reading.lock().await;
            memory.update(&db).await
        });
        with_timeout(task).await?.map_err(|panic| Error::Internal(panic.to_string()))?
    }
}

impl Memory {
    /// Returns the names if nothing has changed. `Some(None)`: they do not fit.
    fn current(&self) -> Option<Option<Arc<Names>>> {
        let mut state = self.state.lock();
        state.last_used = Instant::now();
        state.drop_old(Instant::now());
        (state.read.is_some() && state.changed.is_empty()).then(|| state.names.clone())
    }

    async fn update(&self, db: &Database) -> Result<Option<Arc<Names>>> {
        if let Some(names) = self.current() {
            return Ok(names);
        }
        let (known, changed) = {
            let mut state = self.state.lock();
            state.is_outdated = false;
            (state.names.clone(), std::mem::take(&mut state.changed))
        };
        let max_bytes = self.budget.limit() / 4;
        let mut read = match known {
            Some(known) => Names::reread(known, &changed, db).await.inspect_err(|_| {
                self.state.lock().changed.extend(changed);
            })?,
            None => Names::read(db, max_bytes).await?,
        };
        read.arrange();
        let names = (read.bytes() <= max_bytes).then(|| Arc::new(read));
        {
            let mut state = self.state.lock();
            if !state.is_outdated {
                state.store(names.clone());
            }
        }
        self.budget.relieve();
        Ok(names)
    }
}

impl State {
    fn store(&mut self, names: Option<Arc<Names>>) {
        self.charge.resize(names.as_ref().map_or(0, |names| names.bytes()));
        if self.names.is_none() || names.is_none() {
            self.read = Some(Instant::now());
        }
        self.names = names;
    }

    fn clear(&mut self) {
        self.names = None;
        self.read = None;
        self.changed.clear();
        self.is_outdated = true;
        self.charge.resize(0);
    }

    fn drop_old(&mut self, now: Instant) {
        if self.read.is_some_and(|read| now.saturating_duration_since(read) >= MAX_AGE) {
            self.clear();
        }
    }
}

impl Evict for Memory {
    fn last_used(&self) -> Option<Instant> {
        let state = self.state.try_lock()?;
        state.names.is_some().then_some(state.last_used)
    }

    fn evict(&self) {
        if let Some(mut state) = self.state.try_lock() {
            state.clear();
        }
    }

    fn expire(&self, now: Instant) {
        if let Some(mut state) = self.state.try_lock() {
            state.drop_old(now);
            if now.saturating_duration_since(state.last_used) >= MAX_IDLE {
                state.clear();
            }
        }
    }
}

impl Names {
    /// Reads the names of all users, and stops when they do not fit.
    async fn read(db: &Database, max_bytes: usize) -> Result<Self> {
        let mut names = Self::default();
        let add = |user| {
            names.add(user);
            names.bytes() <= max_bytes
        };
        db.collection::<User>().scan(Named::fields(), add).await?;
        Ok(names)
    }

    /// Reads the names of some users again.
    async fn reread(known: Arc<Self>, changed: &HashSet<UserId>, db: &Database) -> Result<Self> {
        let ids: Vec<UserId> = changed.iter().copied().collect();
        let mut found = Vec::new();
        for some in ids.chunks(BATCH) {
            let filter = doc! { "_id": { "$in": some } };
            found.extend(db.collection::<User>().find_projected::<Named>(filter, Named::fields()).await?);
        }
        let mut names = Arc::unwrap_or_clone(known);
        names.entries.retain(|entry| !changed.contains(&entry.id));
        found.into_iter().for_each(|user| names.add(user));
        Ok(names)
    }

    fn add(&mut self, user: Named) {
        let start = self.text.len();
        match user.key.as_str() {
            "" => self.text.push_str(&user.nickname.key()),
            key => self.text.push_str(key),
        }
        // The budget is far below 4 GiB.
        if let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(self.text.len())) {
            self.entries.push(NameEntry { id: user.id, start, end });
        }
    }

    fn arrange(&mut self) {
        self.entries.shrink_to_fit();
        self.text.shrink_to_fit();
        let text = &self.text;
        // Stable, so that the sorted names before the new ones cost one comparison each.
        self.entries.sort_by(|a, b| a.name(text).cmp(b.name(text)).then(a.id.cmp(&b.id)));
    }

    fn bytes(&self) -> usize {
        self.entries.len() * size_of::<NameEntry>() + self.text.len()
    }

    /// Returns a page of the users whose names match, its number, and whether there is a next one.
    async fn page(&self, pattern: Option<&NamePattern>, page: usize, size: usize) -> (Vec<UserId>, usize, bool) {
        let found = match pattern {
            Some(pattern) => &self.found(pattern).await,
            None => &self.entries,
        };
        let page = page.clamp(1, found.len().div_ceil(size).max(1));
        let entries = found.iter().skip((page - 1) * size).take(size);
        (entries.map(|entry| entry.id).collect(), page, found.len() > page * size)
    }

    /// Returns the names that match, in order.
    async fn found(&self, pattern: &NamePattern) -> Vec<NameEntry> {
        let mut found: [Vec<NameEntry>; 3] = Default::default();
        for entries in self.entries.chunks(NAMES_PER_TURN) {
            for entry in entries {
                match pattern.rank(entry.name(&self.text)) {
                    Some(Rank::Start) => found[0].push(*entry),
                    Some(Rank::Part) => found[1].push(*entry),
                    Some(Rank::Guess) => found[2].push(*entry),
                    None => {}
                }
            }
            yield_now().await;
        }
        found.concat()
    }
}

impl NameEntry {
    fn name(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}
