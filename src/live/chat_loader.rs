use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::names::NameCache;
use crate::cache::Budget;
use crate::error::Result;
use crate::models::values::Nickname;
use crate::models::{self, Event, UserId};
use crate::store::Database;
use crate::views::chat::{Article, ChatView, FeedItem};
use crate::views::event::{EventLine, EventNames, EventView};

/// Further readers wait, so that a returning crowd does not delay all others.
const MAX_CATCH_UPS: usize = 8;

/// `None` for deleted accounts.
type KnownNames = HashMap<UserId, Option<Nickname>>;

/// Turns chats into articles with their authors' names, for rooms, pages and single chats.
pub(super) struct ChatLoader {
    pub(super) db: Arc<Database>,
    pub(super) names: Arc<NameCache>,
    pub(super) catch_ups: Semaphore,
}

impl ChatLoader {
    pub(super) fn new(db: &Arc<Database>) -> Self {
        Self { db: Arc::clone(db), names: Arc::new(NameCache::new(db)), catch_ups: Semaphore::new(MAX_CATCH_UPS) }
    }

    /// Joins chats with their authors' names, ready to be rendered.
    pub(super) async fn with_authors(&self, chats: Vec<models::Chat>) -> Result<Vec<Arc<Article>>> {
        let names = self.names.get(chats.iter().map(|chat| chat.author)).await?;
        Ok(chats.into_iter().map(|chat| self.article(chat, &names)).collect())
    }

    /// Joins chats and events with the names of their people, in order, ready to be rendered.
    pub(super) async fn items(&self, chats: Vec<models::Chat>, events: Vec<Event>) -> Result<Vec<FeedItem>> {
        let people = events.iter().flat_map(|event| [event.author, event.user]);
        let names = self.names.get(chats.iter().map(|chat| chat.author).chain(people)).await?;
        let chats = chats.into_iter().map(|chat| FeedItem::Chat(self.article(chat, &names)));
        let mut items: Vec<_> = chats.chain(events.iter().map(|event| self.line(event, &names))).collect();
        items.sort_unstable_by_key(FeedItem::seq);
        Ok(items)
    }

    fn article(&self, chat: models::Chat, names: &KnownNames) -> Arc<Article> {
        let name = names.get(&chat.author).and_then(Option::as_ref);
        Arc::new(Article::new(ChatView::new(chat, name)).charged_to(self.budget()))
    }

    fn line(&self, event: &Event, names: &KnownNames) -> FeedItem {
        let name = |of| names.get(of).cloned().flatten();
        let names = EventNames { user: name(&event.user), author: name(&event.author) };
        FeedItem::Event(Arc::new(EventLine::new(EventView::new(event, names)).charged_to(self.budget())))
    }

    pub(super) fn names_version(&self) -> u64 {
        self.names.version()
    }

    pub(super) fn budget(&self) -> &Arc<Budget> {
        self.db.budget()
    }
}
