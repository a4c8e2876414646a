//! The list of all people.

use rocket::http::uri::fmt::{Ignorable, Query};
use rocket::{FromForm, Route, get, routes};
use serde_json::json;

use super::guards::current_user::{CurrentUser, PageUser};
use super::guards::query_number::QueryNumber;
use super::reply::Reply;
use super::request_context::RequestContext;
use super::shell::shell_page;
use crate::error::Result;
use crate::models::User;
use crate::views::people::{PeopleList, PeoplePage};

const PEOPLE_PER_PAGE: usize = 50;

pub(super) fn routes() -> Vec<Route> {
    routes![index]
}

#[derive(FromForm)]
struct PeopleQuery<'r> {
    page: QueryNumber<'r>,
    /// Filters by name.
    q: Option<&'r str>,
}

impl Ignorable<Query> for PeopleQuery<'_> {}

impl PeopleQuery<'_> {
    fn page(&self) -> Result<usize> {
        Ok(self.page.at_least(1)?.and_then(|page| usize::try_from(page).ok()).unwrap_or(1))
    }
}

/// Shows all people, or those whose names match.
#[get("/people?<query..>")]
async fn index(query: PeopleQuery<'_>, user: PageUser<'_>, ctx: RequestContext<'_>) -> Result<Reply> {
    let typed = query.q.map(str::trim).unwrap_or_default();
    let found = User::people(&ctx.db, typed, query.page()?, PEOPLE_PER_PAGE).await?;
    people_page(&ctx, &user, PeopleList::new(typed, &found)).await
}

async fn people_page(ctx: &RequestContext<'_>, user: &CurrentUser, list: PeopleList) -> Result<Reply> {
    if ctx.wants_json() {
        let PeopleList { people, page, previous, next, .. } = list;
        return Reply::json(&json!({ "people": people, "page": page, "previous": previous, "next": next }));
    }
    shell_page(ctx, user, None, "users/people.html.tera", &PeoplePage { list }).await
}
