//! Suggests whom a message may mention: people who are in the room or wrote there lately, then all other readers.

use std::collections::HashSet;
use std::sync::Arc;

use super::hub::Hub;
use crate::error::Result;
use crate::models::chat::PageAnchor;
use crate::models::mention::EVERYBODY;
use crate::models::room::RoomKind;
use crate::models::user::{NamePattern, Rank};
use crate::models::values::Nickname;
use crate::models::{Room, User, UserId};
use crate::views::member::Suggestions;
use crate::views::room::Person;

const MAX_SUGGESTIONS: usize = 8;

impl Hub {
    /// Returns readers of a room whose names match what was typed. The user comes last.
    pub(crate) async fn suggestions(self: &Arc<Self>, user: &User, room: &Room, typed: &str) -> Result<Suggestions> {
        let pattern = NamePattern::new(typed);
        // `None` if the name does not match.
        let rank = |name: &Nickname| match &pattern {
            Some(pattern) => pattern.rank(&name.key()).map(Some),
            None => Some(None),
        };
        let mut people = self.people_nearby(room).await?;
        if room.kind != RoomKind::Open {
            people.extend(room.members(&self.db).await?.into_iter().map(|member| member.user));
        } else if pattern.is_some() || people.len() < MAX_SUGGESTIONS {
            people.extend(User::search_people(&self.db, typed, MAX_SUGGESTIONS).await?);
        }
        let readers = room.readers_among(&self.db, &people).await?;
        let names = self.nicknames(&people).await?;
        let mut seen = HashSet::new();
        people.retain(|id| readers.contains(id) && seen.insert(*id));
        people.sort_by_key(|id| *id == user.id);
        let named = people.into_iter().filter_map(|id| Some((id, names.get(&id)?.as_ref()?)));
        let begins = |pattern: &NamePattern| EVERYBODY.iter().any(|name| pattern.rank(name) == Some(Rank::Start));
        let everybody = pattern.as_ref().is_none_or(begins) && room.may_mention_everybody(&self.db, user).await?;
        let mut ranked: Vec<_> = named.filter_map(|(id, name)| Some((rank(name)?, id, name))).collect();
        // People nearby come first among those whose names match equally well.
        ranked.sort_by_key(|(rank, ..)| *rank);
        let people = ranked
            .into_iter()
            .map(|(_, id, name)| Person { id: id.to_string(), nickname: name.as_str().to_owned() })
            .take(MAX_SUGGESTIONS - usize::from(everybody));
        Ok(Suggestions { people: people.collect(), everybody, is_everybody_first: pattern.is_some() })
    }

    /// Returns the people who are connected to a room, then the authors of its latest chats.
    async fn people_nearby(&self, room: &Room) -> Result<Vec<UserId>> {
        let mut people: Vec<UserId> = match self.get(room.id) {
            Some(live) => live.presence.online().borrow().people.iter().filter_map(|it| it.id.parse().ok()).collect(),
            None => Vec::new(),
        };
        let page = self.page(room, PageAnchor::Latest).await?;
        people.extend(page.fragment.authors().rev().filter_map(|author| author.parse::<UserId>().ok()));
        Ok(people)
    }
}
