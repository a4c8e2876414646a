use std::sync::Arc;

use rocket::http::Status;
use rocket::{Request, Route, State, catch, delete, get, options, routes};
use serde_json::json;

use super::response::{Bearer, Client, ImageResponse};
use super::{ImageServer, upload};
use crate::controllers;
use crate::error::Error;
use crate::http;
use crate::picture_path::PictureName;
use crate::ticket::Purpose;

/// Returns all routes of the image server.
pub fn routes() -> Vec<Route> {
    let mut routes = routes![preflight, show, destroy, health, health_for_pages];
    routes.extend(upload::routes());
    routes.extend(controllers::metrics::routes());
    routes
}

/// Permits the site's pages to upload from another origin.
#[options("/image")]
fn preflight(client: Client<'_>) -> ImageResponse {
    if client.is_misdirected() { client.error(&Error::Misdirected) } else { ImageResponse::preflight(&client) }
}

/// Returns a picture. Its name is its hash, so it never changes.
#[get("/image/<name>")]
async fn show(name: &str, client: Client<'_>, server: &State<Arc<ImageServer>>) -> ImageResponse {
    let Some(name) = PictureName::parse(name) else { return ImageResponse::status_only(Status::NotFound) };
    let file = name.clone();
    match server.with_store(move |store| store.read(&file)).await {
        Ok(_) if client.has_cached(name.as_str()) => ImageResponse::not_modified(&name),
        Ok(bytes) => ImageResponse::picture(&name, bytes),
        Err(_) => ImageResponse::status_only(Status::NotFound),
    }
}

#[delete("/image/<name>")]
async fn destroy(name: &str, bearer: Bearer<'_>, server: &State<Arc<ImageServer>>) -> ImageResponse {
    let Some(name) = PictureName::parse(name) else { return ImageResponse::status_only(Status::NotFound) };
    if !server.site.secret().verify(bearer.0, Purpose::DeletePicture, &name.path()) {
        return ImageResponse::status_only(Status::Forbidden);
    }
    match server.with_store(move |store| store.remove(&name)).await {
        Ok(()) => ImageResponse::status_only(Status::NoContent),
        Err(error) => {
            log::error!("picture not removed: error={error}");
            ImageResponse::status_only(Status::InternalServerError)
        }
    }
}

#[get("/health")]
fn health() -> ImageResponse {
    ImageResponse::json(Status::Ok, &json!({ "images": "ok" }))
}

/// Repeats the health check under `/image`, the only path that a proxy passes on.
#[get("/image/health")]
fn health_for_pages() -> ImageResponse {
    health()
}

#[catch(default)]
pub(super) fn default_catcher(status: Status, request: &Request<'_>) -> ImageResponse {
    match http::refusal(request) {
        Some(refusal) => ImageResponse::error_page(request, &refusal.error()),
        None => ImageResponse::status_only(status),
    }
}
