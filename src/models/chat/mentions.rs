//! Looks up the people whom a text mentions.

use std::collections::{HashMap, HashSet};

use mongodb::bson::doc;
use serde::Deserialize;

use crate::attachment::Attachment;
use crate::error::Result;
use crate::models::file::NewFiles;
use crate::models::mention::{Candidate, Choice, Mention, Namesakes, candidates, resolve};
use crate::models::values::ChatText;
use crate::models::{Room, User, UserId};
use crate::store::Database;

/// People with the names of one text that are read at once.
const MAX_FOUND: i64 = 1_000;
/// How often names of too many people are left out.
const MAX_ROUNDS: usize = 20;

/// A text as an author sends it.
pub struct ChatInput<'r> {
    pub(super) text: ChatText,
    /// Without a room nobody is mentioned.
    room: Option<&'r Room>,
    picked: &'r [UserId],
    /// Of a chat that is posted.
    pub(super) new_files: Option<NewFiles<'r>>,
    /// The numbers of the files that an edit takes away.
    taken_away: &'r [i64],
    /// Whether an edit changes the files only.
    pub(super) keeps_text: bool,
}

#[derive(Deserialize)]
struct NamedUser {
    #[serde(rename = "_id")]
    id: UserId,
    #[serde(rename = "nicknameKey")]
    name: String,
}

impl From<ChatText> for ChatInput<'_> {
    fn from(text: ChatText) -> Self {
        Self { text, room: None, picked: &[], new_files: None, taken_away: &[], keeps_text: false }
    }
}

impl<'r> ChatInput<'r> {
    /// `picked` are the people whom the author means where several have the same name.
    pub(crate) fn in_room(text: ChatText, room: &'r Room, picked: &'r [UserId]) -> Self {
        Self { room: Some(room), picked, ..Self::from(text) }
    }

    /// Adds the files of a chat that is posted.
    pub(crate) fn with_files(self, files: NewFiles<'r>) -> Self {
        Self { new_files: Some(files), ..self }
    }

    /// Takes files away from a chat that is edited.
    pub(crate) fn without_files(self, numbers: &'r [i64]) -> Self {
        Self { taken_away: numbers, ..self }
    }

    /// Leaves the text of a chat as it is, whatever it is.
    pub(crate) fn keeping_text() -> Self {
        Self { keeps_text: true, ..Self::from(ChatText::default()) }
    }

    pub(super) fn files(&self) -> &'r [Attachment] {
        self.new_files.as_ref().map_or(&[], |new| new.files)
    }

    pub(super) fn takes_away(&self, number: i32) -> bool {
        self.taken_away.contains(&number.into())
    }

    /// Returns the mentions of the text. `before` are those of the chat that it replaces.
    pub(super) async fn mentions(&self, db: &Database, author: &User, before: &[Mention]) -> Result<Vec<Mention>> {
        let Some(room) = self.room else { return Ok(Vec::new()) };
        let candidates = candidates(self.text.as_str());
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        let may_mention_everybody =
            candidates.iter().any(Candidate::may_be_everybody) && room.may_mention_everybody(db, author).await?;
        let choice = Choice { picked: self.picked, before, may_mention_everybody };
        Ok(resolve(&candidates, &namesakes(db, room, &candidates, choice).await?, choice))
    }
}

/// Finds the readers of a room who have the names of candidates.
async fn namesakes(db: &Database, room: &Room, candidates: &[Candidate], choice: Choice<'_>) -> Result<Namesakes> {
    let names: HashSet<&str> = candidates.iter().flat_map(Candidate::names).collect();
    let (mut found, crowded) = find_by_names(db, names.clone()).await?;
    if !crowded.is_empty() {
        let chosen = choice.before.iter().filter_map(|mention| mention.user).chain(choice.picked.iter().copied());
        let filter = doc! { "_id": { "$in": chosen.collect::<Vec<_>>() } };
        let chosen: Vec<NamedUser> = db.collection::<User>().find_projected(filter, fields()).await?;
        found.extend(chosen.into_iter().filter(|user| names.contains(&*user.name)));
    }
    let ids: HashSet<UserId> = found.iter().map(|user| user.id).collect();
    let readers = room.readers_among(db, &ids.into_iter().collect::<Vec<_>>()).await?;
    let mut namesakes = Namesakes { crowded, ..Namesakes::default() };
    for NamedUser { id, name } in found {
        let users = namesakes.people.entry(name).or_default();
        if readers.contains(&id) && !users.contains(&id) {
            users.push(id);
        }
    }
    namesakes.people.retain(|_, users| !users.is_empty());
    Ok(namesakes)
}

/// Returns the people with some names, and the names that too many people have.
async fn find_by_names(db: &Database, names: HashSet<&str>) -> Result<(Vec<NamedUser>, HashSet<String>)> {
    let (mut found, mut crowded) = (Vec::<NamedUser>::new(), HashSet::new());
    for _ in 0..MAX_ROUNDS {
        let names: Vec<&str> = names.iter().copied().filter(|name| !crowded.contains(*name)).collect();
        let filter = doc! { "nicknameKey": { "$in": names } };
        let some: Vec<NamedUser> = db.collection::<User>().find_some_projected(filter, fields(), MAX_FOUND).await?;
        let is_complete = (some.len() as i64) < MAX_FOUND;
        let mut counts: HashMap<&str, usize> = HashMap::new();
        some.iter().for_each(|user| *counts.entry(&user.name).or_default() += 1);
        let most = counts.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name.to_owned());
        found.retain(|user| crowded.contains(&user.name));
        found.extend(some);
        match most {
            Some(name) if !is_complete => crowded.insert(name),
            _ => break,
        };
    }
    Ok((found, crowded))
}

fn fields() -> mongodb::bson::Document {
    doc! { "nicknameKey": 1 }
}
