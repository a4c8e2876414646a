//! The site's managed state. Everything that a request reaches the database by goes through here.

use std::any::type_name;
use std::sync::Arc;

use rocket::request::Request;

use crate::config::Settings;
use crate::error::{Error, Result};
use crate::store::Database;

pub(crate) fn settings<'r>(request: &'r Request<'_>) -> &'r Settings {
    // The site is built with them.
    request.rocket().state().unwrap_or_else(|| unreachable!("the settings are managed"))
}

pub(crate) async fn database(request: &Request<'_>) -> Result<Arc<Database>> {
    managed::<Arc<Database>>(request).cloned()
}

pub(crate) fn managed<'r, T: Send + Sync + 'static>(request: &'r Request<'_>) -> Result<&'r T> {
    request.rocket().state().ok_or_else(|| Error::Internal(format!("{} is not managed", type_name::<T>())))
}
