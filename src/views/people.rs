//! The list of people, as page and JSON show it.

use serde::Serialize;

use super::user::UserJson;
use crate::models::user;

#[derive(Serialize)]
pub struct PeoplePage {
    pub list: PeopleList,
}

#[derive(Serialize)]
pub struct PeopleList {
    pub people: Vec<UserJson>,
    /// The filter as typed; empty for all people.
    pub query: String,
    pub page: usize,
    /// The `page` parameters of the pages before and after this one.
    pub previous: Option<String>,
    pub next: Option<String>,
    /// There are too many people to list them without a filter.
    pub needs_query: bool,
}

impl PeopleList {
    pub(crate) fn new(typed: &str, found: &user::FoundPeople) -> Self {
        Self {
            people: found.people.iter().map(UserJson::from).collect(),
            query: typed.to_owned(),
            page: found.page,
            previous: (found.page > 1).then(|| (found.page - 1).to_string()),
            next: found.has_next.then(|| (found.page + 1).to_string()),
            needs_query: found.needs_query,
        }
    }
}
