//! Rooms: the main page, and a room's page.

use std::sync::Arc;

use rocket::http::Status;
use rocket::{FromForm, Route, State, delete, get, post, put, routes, uri};
use serde_json::json;

use super::answer::Answer;
use super::form::{Nothing, Sent};
use super::param::{Asked, page_of};
use super::visitor::{Reader, SignedIn, Visitor};
use crate::error::{Error, Faults, Result};
use crate::limits::Limits;
use crate::live::Hub;
use crate::models::room::{Created, ListCursor};
use crate::models::values::{Nonce, RoomName, Topic};
use crate::models::{self, RoomId};
use crate::store::Database;
use crate::views::error::messages;
use crate::views::room::{self as views, Composer, Listed, Neighbour, Room, Rooms, Show, Typed};
use crate::views::user::Me;

/// Rooms on one page of the list.
const PAGE: usize = 50;
/// Rooms beside the one that is read.
const NEIGHBOURS: usize = 30;

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    routes![root, index, create, show, update, destroy]
}

/// What is typed about a room.
#[derive(FromForm)]
struct About<'r> {
    name: Option<&'r str>,
    topic: Option<&'r str>,
    /// Makes a repeated request create one room. Optional.
    nonce: Option<&'r str>,
}

impl About<'_> {
    /// The name and topic of a new room.
    fn checked(&self) -> Result<(RoomName, Topic)> {
        let mut faults = Faults::default();
        let name = faults.check("name", RoomName::parse(self.name.unwrap_or_default()));
        let topic = faults.check("topic", Topic::parse(self.topic.unwrap_or_default()));
        name.zip(topic).ok_or(Error::Invalid(faults))
    }

    fn checked_with_nonce(&self) -> Result<(RoomName, Topic, Option<Nonce>)> {
        let (name, topic) = self.checked()?;
        let nonce = self.nonce.map(Nonce::parse).transpose().map_err(|fault| Error::field("nonce", fault))?;
        Ok((name, topic, nonce))
    }

    /// The fields that the form has, checked.
    fn checked_present(&self) -> Result<(Option<RoomName>, Option<Topic>)> {
        let mut faults = Faults::default();
        let name = self.name.and_then(|name| faults.check("name", RoomName::parse(name)));
        let topic = self.topic.and_then(|topic| faults.check("topic", Topic::parse(topic)));
        if faults.0.is_empty() { Ok((name, topic)) } else { Err(Error::Invalid(faults)) }
    }

    /// What the form shows again; what was not typed is as in `stored`.
    fn typed(&self, stored: Typed, faults: &Faults, visitor: &Visitor<'_>) -> Typed {
        Typed {
            name: self.name.map_or(stored.name, str::to_owned),
            topic: self.topic.map_or(stored.topic, str::to_owned),
            faults: messages(faults, visitor.locale()),
        }
    }
}

/// The name and topic of a room, as its form shows them.
fn stored(room: &models::Room) -> Typed {
    Typed { name: room.name.as_str().into(), topic: room.topic.as_str().into(), ..Typed::default() }
}

/// The site begins with its rooms.
#[get("/")]
fn root() -> Answer {
    Answer::see_other(uri!(index(page = _)))
}

/// The main page.
#[get("/room?<page>")]
async fn index(
    page: Asked<'_>,
    who: Reader,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    hub: &State<Arc<Hub>>,
) -> Result<Answer> {
    rooms(&who, &visitor, db, hub, page.place("page")?, Typed::default()).await
}

/// Makes a room.
#[post("/room", data = "<form>")]
async fn create(
    form: Sent<About<'_>>,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    hub: &State<Arc<Hub>>,
    limits: &State<Limits>,
) -> Result<Answer> {
    let who = visitor.signed_in().await?;
    limits.rooms.check(who.user.id, visitor.address())?;
    let made = async {
        let (name, topic, nonce) = form.checked_with_nonce()?;
        who.user.create_room_once(db, name, topic, nonce.as_ref()).await
    };
    match made.await {
        Ok(made) => {
            let (room, status) = match &made {
                Created::New(room) => (room, Status::Created),
                Created::Existing(room) => (room, Status::Ok),
            };
            match visitor.wants_json() {
                true => Ok(Answer::json(&Room::new(room, db, &who.user))?.with_status(status)),
                false => Ok(Answer::see_other(path(room.id))),
            }
        }
        Err(Error::Invalid(faults)) if !visitor.wants_json() => {
            let typed = form.typed(Typed::default(), &faults, &visitor);
            let page = rooms(&who, &visitor, db, hub, ListCursor::Page(1), typed).await?;
            Ok(page.with_status(Status::UnprocessableEntity))
        }
        Err(error) => Err(error),
    }
}

/// A room's page: the latest chats, or those before chat number `before`.
#[get("/room/<id>?<before>")]
async fn show(
    id: RoomId,
    before: Asked<'_>,
    who: Reader,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    hub: &State<Arc<Hub>>,
) -> Result<Answer> {
    let room = who.user.room(db, id).await?;
    let before = before.number("before", 1)?;
    page(&who, &visitor, db, hub, &room, Draft { before, ..Draft::default() }).await
}

/// Gives a room another name and topic.
#[put("/room/<id>", data = "<form>")]
async fn update(
    id: RoomId,
    form: Sent<About<'_>>,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    hub: &State<Arc<Hub>>,
    limits: &State<Limits>,
) -> Result<Answer> {
    let who = visitor.signed_in().await?;
    limits.edits.check(who.user.id, visitor.address())?;
    let room = who.user.manageable_room(db, id).await?;
    let changed = async {
        let (name, topic) = form.checked_present()?;
        room.update(db, name, topic).await
    };
    match changed.await {
        Ok(()) if visitor.wants_json() => Ok(Answer::json(&Room::new(&who.user.room(db, id).await?, db, &who.user))?),
        Ok(()) => Ok(Answer::see_other(path(id))),
        Err(Error::Invalid(faults)) if !visitor.wants_json() => {
            let typed = form.typed(stored(&room), &faults, &visitor);
            let draft = Draft { typed: Some(typed), ..Draft::default() };
            let page = page(&who, &visitor, db, hub, &room, draft).await?;
            Ok(page.with_status(Status::UnprocessableEntity))
        }
        Err(error) => Err(error),
    }
}

/// Closes a room for good.
#[delete("/room/<id>", data = "<_form>")]
async fn destroy(
    id: RoomId,
    who: &SignedIn,
    _form: Sent<Nothing>,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
) -> Result<Answer> {
    let room = who.user.manageable_room(db, id).await?;
    room.close(db, &who.user).await?;
    match visitor.wants_json() {
        true => Ok(Answer::no_content()),
        false => Ok(Answer::see_other(uri!(index(page = _)))),
    }
}

/// A room's path.
pub(super) fn path(id: RoomId) -> String {
    uri!(show(id = id, before = _)).to_string()
}

/// What was typed on a room's page and is shown again.
#[derive(Default)]
pub(super) struct Draft {
    /// Which page.
    pub(super) before: Option<i64>,
    /// Into the composer.
    pub(super) composer: Option<Composer>,
    /// Into the form that changes the room.
    pub(super) typed: Option<Typed>,
}

/// A room's page.
pub(super) async fn page(
    who: &SignedIn,
    visitor: &Visitor<'_>,
    db: &Arc<Database>,
    hub: &Arc<Hub>,
    room: &models::Room,
    draft: Draft,
) -> Result<Answer> {
    let page = hub.page(room, draft.before).await?;
    let view = Room::new(room, db, &who.user);
    if visitor.wants_json() {
        let feed = page.fragment.view.json();
        return Answer::json(&json!({ "room": view, "upto": feed.upto, "before": page.before, "chats": feed.chats }));
    }
    let (views, locale) = (visitor.views()?, visitor.locale());
    let (presence, typing) = match hub.get(room.id) {
        Some(live) => (live.presence.online().borrow().clone(), live.presence.typing().borrow().clone()),
        None => Default::default(),
    };
    let show = Show {
        state: "",
        me: Me::from(&who.user),
        room: view,
        upto: page.fragment.view.upto,
        elements: page.fragment.view.elements(views, locale, &mut None)?,
        before: page.before,
        past: draft.before.is_some(),
        presence: views::presence(&presence, views, locale)?.to_string(),
        typing: views::typing(&typing, views, locale)?.to_string(),
        composer: match draft.composer {
            Some(composer) => composer,
            None => Composer { nonce: Nonce::random()?.as_str().into(), ..Composer::default() },
        },
        typed: draft.typed.unwrap_or_else(|| stored(room)),
        // Last, so that it takes no patience from what was asked for.
        rooms: neighbours(who, db, hub, room.id).await,
    };
    Answer::page(visitor, "rooms/show.html.tera", &show)
}

/// The first rooms of the list, beside the one that is read. That comes also without them.
async fn neighbours(who: &SignedIn, db: &Database, hub: &Hub, current: RoomId) -> Vec<Neighbour> {
    let rooms = who.user.cached_rooms(db, NEIGHBOURS).await;
    rooms.iter().map(|room| Neighbour::new(room, current, hub.online_count(room.id))).collect()
}

async fn rooms(
    who: &SignedIn,
    visitor: &Visitor<'_>,
    db: &Database,
    hub: &Hub,
    place: ListCursor,
    typed: Typed,
) -> Result<Answer> {
    let listing = who.user.rooms(db, place, PAGE).await?;
    let glances = hub.summaries(&listing.rooms).await;
    let listed = listing.rooms.iter().map(|room| Room::new(room, db, &who.user)).zip(glances);
    let rooms: Vec<_> = listed.map(|(room, glance)| Listed::new(room, glance)).collect();
    let [previous, next] = [listing.previous, listing.next].map(|place| place.map(page_of));
    if visitor.wants_json() {
        return Answer::json(&json!({ "rooms": rooms, "page": listing.page, "previous": previous, "next": next }));
    }
    let nonce = who.user.room_nonce(db);
    let view = Rooms { me: Me::from(&who.user), rooms, previous, next, nonce, typed };
    Answer::page(visitor, "rooms/index.html.tera", &view)
}
