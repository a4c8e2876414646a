//! The site's managed state. Everything that a request reaches the database by goes through here.

use std::any::type_name;
use std::sync::Arc;

use rocket::outcome::Outcome;
use rocket::request::Request;
use rocket_db_pools::Connection;

use crate::config::Settings;
use crate::error::{Error, Result};
use crate::store::{Database, SiteDatabase};

pub(crate) fn settings<'r>(request: &'r Request<'_>) -> &'r Settings {
    // The site is built with them.
    request.rocket().state().unwrap_or_else(|| unreachable!("the settings are managed"))
}

pub(crate) async fn database(request: &Request<'_>) -> Result<Arc<Database>> {
    match request.guard::<Connection<SiteDatabase>>().await {
        Outcome::Success(connection) => Ok(connection.into_inner()),
        Outcome::Error(_) | Outcome::Forward(_) => Err(Error::Internal("the database is not attached".into())),
    }
}

pub(crate) fn managed<'r, T: Send + Sync + 'static>(request: &'r Request<'_>) -> Result<&'r T> {
    request.rocket().state().ok_or_else(|| Error::Internal(format!("{} is not managed", type_name::<T>())))
}
