use std::sync::Arc;

use tokio::sync::Semaphore;

use super::names::Names;
use crate::cache::Budget;
use crate::error::Result;
use crate::models;
use crate::store::Database;
use crate::views::chat::{Article, ChatView};

/// Further readers wait, so that a returning crowd does not delay all others.
const MAX_CATCH_UPS: usize = 8;

/// Turns chats into articles with their authors' names, for rooms, pages and single chats.
pub(super) struct ChatLoader {
    pub(super) db: Arc<Database>,
    pub(super) names: Arc<Names>,
    pub(super) catch_ups: Semaphore,
}

impl ChatLoader {
    pub(super) fn new(db: &Arc<Database>) -> Self {
        Self { db: Arc::clone(db), names: Arc::new(Names::new(db)), catch_ups: Semaphore::new(MAX_CATCH_UPS) }
    }

    /// Joins chats with their authors' names, ready to be rendered.
    pub(super) async fn with_authors(&self, chats: Vec<models::Chat>) -> Result<Vec<Arc<Article>>> {
        let names = self.names.get(chats.iter().map(|chat| chat.author)).await?;
        let article = |chat: models::Chat| {
            let name = names.get(&chat.author).and_then(Option::as_ref);
            Arc::new(Article::new(ChatView::new(chat, name)).charged_to(self.budget()))
        };
        Ok(chats.into_iter().map(article).collect())
    }

    pub(super) fn names_version(&self) -> u64 {
        self.names.version()
    }

    pub(super) fn budget(&self) -> &Arc<Budget> {
        self.db.budget()
    }
}
