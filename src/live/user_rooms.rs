//! The lists of one user: open rooms with the user's closed rooms among them, and direct rooms.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::hub::Hub;
use super::unread::{Position, UserChange};
use crate::error::Result;
use crate::models::room::RoomKind;
use crate::models::room::membership::Membership;
use crate::models::values::RoomName;
use crate::models::{Room, RoomId, User, UserId};
use crate::views::Locale;
use crate::views::inbox::inbox_count;
use crate::views::room::{DirectView, RoomItem, RoomItemView, Unread, direct_room_name, own_room_changes, room_items};
use crate::views::shell::ShellLists;

/// Direct rooms beside a page.
const LISTED_DIRECTS: usize = 30;
const SEARCHED_DIRECTS: usize = 200;
/// Closed rooms among the open ones.
const LISTED_CLOSED: usize = 100;

/// Which of a user's closed and direct rooms are listed beside the open ones.
#[derive(Clone, Copy)]
pub(crate) enum ListScope<'a> {
    /// All that are not hidden.
    Latest,
    /// The page has later open rooms: only the direct rooms.
    LaterPage,
    /// Those whose names contain a text, also hidden ones.
    Search(&'a str),
}

/// What a page lists.
#[derive(Clone, Copy)]
pub(crate) struct ListRequest<'a> {
    /// The room that the page shows.
    pub(crate) current: Option<&'a Room>,
    pub(crate) scope: ListScope<'a>,
    /// The page of the direct rooms, from 1.
    pub(crate) directs: usize,
}

impl ListScope<'_> {
    fn finds(self, name: &str) -> bool {
        match self {
            Self::Latest | Self::LaterPage => true,
            Self::Search(typed) => RoomName::key_of(name).contains(&RoomName::key_of(typed)),
        }
    }
}

impl Hub {
    /// Renders the lists of a user: some open rooms with the user's closed rooms among them, and the direct rooms.
    pub(crate) async fn user_rooms(
        &self,
        user: &User,
        listed: &[Arc<Room>],
        ListRequest { current, scope, directs: page }: ListRequest<'_>,
        locale: Locale,
    ) -> Result<ShellLists> {
        let memberships = Membership::of_user(&self.db, user.id).await.unwrap_or_default();
        let positions: HashMap<RoomId, Position> =
            memberships.iter().map(|membership| (membership.room, membership.into())).collect();
        let current = current.map(|room| room.id);
        let is_search = matches!(scope, ListScope::Search(_));
        let is_hidden = |room: &Arc<Room>| positions.get(&room.id).is_some_and(|position| position.is_hidden());
        let is_shown = |room: &Arc<Room>| is_search || !is_hidden(room) || current == Some(room.id);
        let own = user.own_rooms(&self.db, &memberships).await.unwrap_or_default();
        let (directs, closed): (Vec<_>, Vec<_>) = own.into_iter().partition(|room| room.kind == RoomKind::Direct);
        let is_listed = |room: &Arc<Room>| listed.iter().all(|known| known.id != room.id);
        let mut rooms: Vec<Arc<Room>> = listed.iter().filter(|room| is_shown(room)).cloned().collect();
        let listed_closed = if matches!(scope, ListScope::LaterPage) { 0 } else { LISTED_CLOSED };
        let closed = closed.into_iter().filter(|room| scope.finds(room.name.as_str()));
        rooms.extend(closed.filter(|room| is_shown(room) && is_listed(room)).take(listed_closed));
        let has_news = |room: &Arc<Room>| {
            positions.get(&room.id).is_none_or(|position| position.read() < room.chat_count(&self.db))
        };
        // A chat brings a hidden direct room back.
        let is_back = |room: &Arc<Room>| is_shown(room) || has_news(room);
        let looked_at = if is_search { SEARCHED_DIRECTS } else { LISTED_DIRECTS };
        let earlier = page.saturating_sub(1).saturating_mul(looked_at);
        let mut directs: Vec<_> = directs.into_iter().filter(is_back).skip(earlier).take(looked_at + 1).collect();
        let has_more = directs.len() > looked_at && !is_search;
        directs.truncate(looked_at);

        let (named, own_directs): (Vec<_>, Vec<_>) = rooms.into_iter().partition(|room| room.kind != RoomKind::Direct);
        let directs: Vec<_> = own_directs
            .into_iter()
            .filter(|room| directs.iter().all(|known| known.id != room.id))
            .chain(directs.clone())
            .collect();
        let mut unread = self.unread.elements(&named, user.id, &positions, locale).await;
        unread.extend(self.unread.elements(&directs, user.id, &positions, locale).await);
        let mut items = self.list.items(&named).await;
        if matches!(scope, ListScope::Latest) {
            items.sort_by_key(|item| std::cmp::Reverse(item.active()));
        }
        let mut direct_items = self.direct_items(&directs, user.id, locale).await?;
        direct_items.retain(|item| scope.finds(item.name()));
        let total = unread.values().filter(|unread: &&Unread| unread.count.chats > 0).count();
        Ok(ShellLists {
            rooms: room_items(&items, current, &unread, &self.views, locale)?,
            directs: room_items(&direct_items, current, &unread, &self.views, locale)?,
            inbox_count: self.inbox_element(user.id, locale).await.ok().flatten().unwrap_or_default(),
            unread_rooms: total,
            directs_previous: page.checked_sub(1).filter(|previous| *previous > 0),
            directs_next: has_more.then(|| page.saturating_add(1)),
        })
    }

    /// Returns the element `#inbox-count`, unless the database does not tell.
    async fn inbox_element(&self, user: UserId, locale: Locale) -> Result<Option<String>> {
        let user = User::find(&self.db, user).await?;
        Ok(user.unread_inbox(&self.db).await.ok().map(|count| inbox_count(count, locale)))
    }

    /// Returns the items of direct rooms for one of their people.
    pub(super) async fn direct_items(
        &self,
        rooms: &[Arc<Room>],
        reader: UserId,
        locale: Locale,
    ) -> Result<Vec<Arc<RoomItem>>> {
        if rooms.is_empty() {
            return Ok(Vec::new());
        }
        let others: Vec<UserId> = rooms.iter().flat_map(|room| room.others(reader)).collect();
        let names = self.nicknames(&others).await?;
        let summaries = self.list.summaries(rooms).await;
        let item = |(room, summary): (&Arc<Room>, _)| {
            let name = direct_room_name(room, reader, &names, locale);
            let direct = DirectView::new(room, reader);
            let view = RoomItemView::new(room, room.activity(&self.db), summary).of_direct(name, direct);
            Arc::new(RoomItem::new(view))
        };
        Ok(rooms.iter().zip(summaries).map(item).collect())
    }

    /// Returns the rooms of changes, and which of them the user may still see.
    async fn changed_rooms(
        &self,
        changes: &[UserChange],
        user: UserId,
    ) -> Result<(HashMap<RoomId, Arc<Room>>, HashSet<RoomId>)> {
        let ids = changes.iter().filter_map(|change| match change {
            UserChange::Unread(id, _) => Some(*id),
            UserChange::Left(_) | UserChange::Inbox => None,
        });
        let rooms = self.unread.rooms(&ids.collect::<Vec<_>>()).await?;
        let readable = Room::readable_among(&self.db, &rooms.values().cloned().collect::<Vec<_>>(), user).await?;
        Ok((rooms, readable))
    }

    /// Returns the elements that tell a user of changes: counts, and the items of closed and direct rooms.
    pub(super) async fn user_elements(
        &self,
        user: UserId,
        changes: Vec<UserChange>,
        locale: Locale,
    ) -> Vec<Result<String>> {
        let (mut elements, mut closed, mut directs, mut gone) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut known = self.changed_rooms(&changes, user).await;
        if let Err(error) = &known {
            log::debug!("rooms of a user not read: user={user} error={error}");
        }
        for change in changes {
            let (id, position) = match change {
                UserChange::Unread(id, position) => (id, position),
                UserChange::Left(id) => {
                    gone.push(id);
                    continue;
                }
                UserChange::Inbox => {
                    elements.extend(self.inbox_element(user, locale).await.transpose());
                    continue;
                }
            };
            let Ok((rooms, readable)) = &mut known else { continue };
            // The positions may be older than the end of a membership.
            let Some(room) = rooms.remove(&id).filter(|room| readable.contains(&room.id)) else {
                gone.push(id);
                continue;
            };
            let mut is_unread = false;
            match self.unread.count(&room, user, position).await {
                Ok(count) => {
                    is_unread = count.chats > 0;
                    elements.push(Ok(self.unread.element(id, count, position, locale)));
                }
                Err(error) => log::debug!("unread chats not counted: room={id} error={error}"),
            }
            match room.kind {
                // A chat brings a hidden direct room back.
                _ if position.is_hidden() && !(is_unread && room.kind == RoomKind::Direct) => gone.push(id),
                RoomKind::Open => {}
                RoomKind::Closed => closed.push(room),
                RoomKind::Direct => directs.push(room),
            }
        }
        let mut lists = Vec::new();
        if !(closed.is_empty() && gone.is_empty()) {
            lists.push(own_room_changes("rooms-changes", &self.list.items(&closed).await, &gone, &self.views, locale));
        }
        if !(directs.is_empty() && gone.is_empty()) {
            let items = self.direct_items(&directs, user, locale).await;
            lists.push(items.and_then(|items| own_room_changes("directs-changes", &items, &gone, &self.views, locale)));
        }
        // The items first: a count belongs to an item.
        lists.into_iter().chain(elements).collect()
    }
}
