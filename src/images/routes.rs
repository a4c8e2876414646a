use std::sync::Arc;

use rocket::http::Status;
use rocket::{Request, Route, State, catch, delete, get, options, routes};
use serde_json::json;

use super::response::{Bearer, Client, ImageResponse};
use super::store::StoredItem;
use super::{ImageServer, download, upload};
use crate::attachment::FileName;
use crate::controllers;
use crate::error::Error;
use crate::http;
use crate::picture_path::PictureName;
use crate::ticket::Purpose;

/// Returns all routes of the file server.
pub fn routes() -> Vec<Route> {
    let mut routes = routes![preflight, preflight_file, show, destroy, destroy_file, health, health_for_pages];
    routes.extend(upload::routes());
    routes.extend(download::routes());
    routes.extend(controllers::metrics::routes());
    routes
}

/// Permits the site's pages to upload from another origin.
#[options("/image")]
fn preflight(client: Client<'_>) -> ImageResponse {
    if client.is_misdirected() { client.error(&Error::Misdirected) } else { ImageResponse::preflight(&client) }
}

/// The same for the files of a chat.
#[options("/file")]
fn preflight_file(client: Client<'_>) -> ImageResponse {
    preflight(client)
}

/// Returns a picture. Its name is its hash, so it never changes.
#[get("/image/<name>")]
async fn show(name: &str, client: Client<'_>, server: &State<Arc<ImageServer>>) -> ImageResponse {
    let Some(name) = PictureName::parse(name) else { return ImageResponse::status_only(Status::NotFound) };
    let (item, is_small) = (StoredItem::Picture(name.large()), name.is_small());
    let open = move |store: &super::FileStore| {
        let file = store.open_file(&item, is_small)?;
        let length = file.metadata()?.len();
        Ok((file, length))
    };
    match server.with_store(open).await {
        Ok(_) if client.has_cached(name.as_str()) => ImageResponse::not_modified(&name),
        Ok((file, length)) => ImageResponse::picture(&name, file, length),
        Err(_) => ImageResponse::status_only(Status::NotFound),
    }
}

/// Deletes a person's picture, unless it is so new that the site may not know it.
#[delete("/image/<name>")]
async fn destroy(name: &str, bearer: Bearer<'_>, server: &State<Arc<ImageServer>>) -> ImageResponse {
    let Some(name) = PictureName::parse(name) else { return ImageResponse::status_only(Status::NotFound) };
    if !server.site.secret().verify(bearer.0, Purpose::DeletePicture, &name.path()) {
        return ImageResponse::status_only(Status::Forbidden);
    }
    let item = StoredItem::Picture(name.large());
    ImageResponse::removed(server.with_store(move |store| store.remove_aged(&item)).await.map(drop))
}

/// Deletes a file of a chat, at once.
#[delete("/file/<name>")]
async fn destroy_file(name: &str, bearer: Bearer<'_>, server: &State<Arc<ImageServer>>) -> ImageResponse {
    let Some(name) = FileName::parse(name) else { return ImageResponse::status_only(Status::NotFound) };
    if !server.site.secret().verify(bearer.0, Purpose::DeleteFile, name.as_str()) {
        return ImageResponse::status_only(Status::Forbidden);
    }
    let item = StoredItem::File(name);
    ImageResponse::removed(server.with_store(move |store| store.remove(&item)).await)
}

#[get("/health")]
async fn health(server: &State<Arc<ImageServer>>) -> ImageResponse {
    let is_low = server.measure_space().await.is_none_or(|space| space.is_low);
    ImageResponse::json(Status::Ok, &json!({ "images": "ok", "space": if is_low { "low" } else { "ok" } }))
}

/// Repeats the health check under `/image`, the only path that a proxy passes on.
#[get("/image/health")]
async fn health_for_pages(server: &State<Arc<ImageServer>>) -> ImageResponse {
    health(server).await
}

#[catch(default)]
pub(super) fn default_catcher(status: Status, request: &Request<'_>) -> ImageResponse {
    match http::refusal(request) {
        Some(refusal) => ImageResponse::error_page(request, &refusal.error()),
        None => ImageResponse::status_only(status),
    }
}
