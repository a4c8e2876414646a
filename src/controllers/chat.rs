//! Chats: saying something, and reading what was said.

use std::sync::Arc;
use std::time::Duration;

use rocket::form::Form;
use rocket::http::Status;
use rocket::{FromForm, Route, State, get, post, routes, uri};
use tokio::time::timeout;

use super::answer::{Answer, Refusal};
use super::param::{Number, number};
use super::room::{self, Draft};
use super::visitor::{Reader, SignedIn, Visitor};
use crate::error::{Error, Fault, Faults, Result};
use crate::live::Hub;
use crate::models::chat::Said;
use crate::models::checked::{ChatText, Nonce};
use crate::models::{Database, RoomId, patiently};
use crate::views::chat::{Feed, Fragment};
use crate::views::error::{Kept, messages};
use crate::views::room::{Composer, Permalink, Room};
use crate::views::user::Me;

/// The longest that a reader may wait for news, in seconds.
const WAIT: i64 = 30;

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    routes![index, create, show]
}

/// What is typed into the composer.
#[derive(FromForm)]
struct Words<'r> {
    #[field(default = "")]
    text: &'r str,
    #[field(default = "")]
    nonce: &'r str,
}

impl Words<'_> {
    fn checked(&self) -> Result<(ChatText, Nonce)> {
        let mut faults = Faults::default();
        let text = faults.check("text", ChatText::parse(self.text));
        let nonce = faults.check("nonce", Nonce::parse(self.nonce));
        match (text, nonce) {
            (Some(text), Some(nonce)) => Ok((text, nonce)),
            _ => Err(Error::Invalid(faults)),
        }
    }

    /// The composer again: the text as typed, and its nonce unless that is what is wrong.
    fn composer(&self, faults: &Faults, visitor: &Visitor<'_>) -> Result<Composer> {
        let nonce = match faults.0.iter().any(|(field, _)| *field == "nonce") {
            true => Nonce::random()?.as_str().to_owned(),
            false => self.nonce.to_owned(),
        };
        Ok(Composer { text: self.text.into(), nonce, faults: messages(faults, visitor.locale()) })
    }

    fn kept(&self, room: RoomId) -> Kept {
        Kept {
            action: uri!(create(id = room)).to_string(),
            typed: vec![("text", self.text.into())],
            hidden: vec![("nonce", self.nonce.into())],
            password: false,
        }
    }
}

/// What part of a room to read.
#[derive(FromForm)]
struct Window<'r> {
    before: Option<&'r str>,
    since: Option<&'r str>,
    wait: Option<&'r str>,
}

/// Chats, in a fragment: the latest, those before a chat number, or those after an entry.
#[get("/room/<id>/chat?<window..>")]
async fn index(
    id: RoomId,
    window: Window<'_>,
    who: &SignedIn,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    hub: &State<Arc<Hub>>,
) -> Result<Answer> {
    let room = who.user.room(db, id).await?;
    let (before, since) = (number("before", window.before, 1)?, number("since", window.since, 0)?);
    let wait = number("wait", window.wait, 0)?.filter(|_| since.is_some());
    if before.is_some() && since.is_some() {
        return Err(Error::field("before", Fault::Number));
    }
    let Some(since) = since else {
        let page = room.log(db).page(before).await?;
        let articles = hub.articles(page.chats).await?;
        return fragment(&visitor, &Fragment::new(Feed { articles, upto: page.upto, closed: false }));
    };
    let mut feed = hub.feed(&room, Some(since)).await?;
    let news = match wait {
        None => patiently(feed.now()).await??,
        Some(wait) => {
            let held = hub.sessions.hold(who.session.id.clone());
            let news = tokio::select! {
                news = timeout(Duration::from_secs(wait.min(WAIT) as u64), feed.next()) => news.ok().transpose()?,
                () = held.ended() => return Err(Error::SignedOut),
                () = hub.stopping() => None,
            };
            let Some(news) = news else { return Ok(Answer::no_content()) };
            Some(news)
        }
    };
    if news.as_ref().is_some_and(|news| news.view.closed) {
        return Err(Error::NotFound);
    }
    let nothing = || Arc::new(Fragment::new(Feed { articles: Vec::new(), upto: since, closed: false }));
    fragment(&visitor, &news.unwrap_or_else(nothing))
}

/// Says something.
#[post("/room/<id>/chat", data = "<form>")]
async fn create(
    id: RoomId,
    form: Form<Words<'_>>,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    hub: &State<Arc<Hub>>,
) -> Result<Answer, Refusal> {
    let keeping = |error| Refusal::keeping(error, form.kept(id));
    let who = visitor.signed_in().await.map_err(keeping)?;
    let room = who.user.room(db, id).await.map_err(keeping)?;
    let said = async {
        let (text, nonce) = form.checked()?;
        room.log(db).say(&who.user, text, nonce).await
    };
    match said.await {
        Ok(said) if visitor.wants_json() => Ok(json(said, hub).await?),
        Ok(said) => Ok(Answer::see_other(format!("{}#chat-{}", room::path(id), said.chat.seq))),
        Err(Error::Invalid(faults)) if !visitor.wants_json() => {
            let draft = Draft { composer: Some(form.composer(&faults, &visitor)?), ..Draft::default() };
            let page = room::page(&who, &visitor, db, hub, &room, draft).await.map_err(keeping)?;
            Ok(page.with_status(Status::UnprocessableEntity))
        }
        Err(error) => Err(keeping(error)),
    }
}

/// One chat on a page of its own.
#[get("/room/<id>/chat/<seq>")]
async fn show(
    id: RoomId,
    seq: Number,
    who: Reader,
    visitor: Visitor<'_>,
    db: &State<Arc<Database>>,
    hub: &State<Arc<Hub>>,
) -> Result<Answer> {
    let room = who.user.room(db, id).await?;
    let chat = room.log(db).chat(seq.0).await?;
    let before = chat.no + 1;
    let articles = hub.articles(vec![chat]).await?;
    let article = articles.first().ok_or(Error::NotFound)?;
    if visitor.wants_json() {
        return Answer::json(&article.view);
    }
    let element = article.element(visitor.views()?, visitor.locale())?.to_string();
    let view =
        Permalink { me: Me::from(&who.user), room: Room::new(&room, db, &who.user), before, seq: seq.0, element };
    Answer::page(&visitor, "chats/show.html.tera", &view)
}

async fn json(said: Said, hub: &Hub) -> Result<Answer> {
    let status = if said.again { Status::Ok } else { Status::Created };
    let articles = hub.articles(vec![said.chat]).await?;
    let article = articles.first().ok_or(Error::NotFound)?;
    Ok(Answer::json(&article.view)?.with_status(status))
}

fn fragment(visitor: &Visitor<'_>, fragment: &Fragment) -> Result<Answer> {
    match visitor.wants_json() {
        true => Answer::json(&fragment.view.json()),
        false => Ok(Answer::fragment(&fragment.element(visitor.views()?, visitor.locale())?)),
    }
}
