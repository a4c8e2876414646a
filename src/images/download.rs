//! Serves the files of chats to clients with a ticket, in whole or in part.

mod range;

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use rocket::http::Status;
use rocket::{Route, State, get, routes};

use super::ImageServer;
use super::kind::is_shown;
use super::response::{Client, ImageResponse};
use super::store::StoredItem;
use crate::attachment::{DownloadClaims, FileVariant};
use crate::ticket::Purpose;
use range::{Part, requested_part};

const CACHING: &str = "private, max-age=3600, immutable";
/// A file may run no script and load nothing but itself, also alone in a tab.
const POLICY: &str = "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'";
const OTHER: &str = "application/octet-stream";

pub(super) fn routes() -> Vec<Route> {
    routes![show]
}

/// Returns a file of a chat, or a part of it.
#[get("/file/<name>?<ticket>")]
async fn show(name: &str, ticket: Option<&str>, client: Client<'_>, server: &State<Arc<ImageServer>>) -> ImageResponse {
    let Some(variant) = FileVariant::parse(name) else { return ImageResponse::status_only(Status::NotFound) };
    let claims = server.site.secret().claims(ticket.unwrap_or_default(), Purpose::DownloadFile, name);
    match claims {
        Some(claims) => respond(&variant, &claims, &client, server).await,
        None => ImageResponse::status_only(Status::Forbidden),
    }
}

async fn respond(
    variant: &FileVariant,
    claims: &DownloadClaims,
    client: &Client<'_>,
    server: &ImageServer,
) -> ImageResponse {
    let tag = format!("\"{variant}\"");
    if client.has_cached(&tag) {
        return with_caching(ImageResponse::status_only(Status::NotModified), tag);
    }
    let (item, is_small) = (StoredItem::File(variant.name.clone()), variant.is_small);
    let open = server.with_store(move |store| {
        let mut file = store.open_file(&item, is_small)?;
        let (length, mut head) = (file.metadata()?.len(), Vec::new());
        file.by_ref().take(16).read_to_end(&mut head)?;
        Ok((file, length, head))
    });
    let Ok((mut file, length, head)) = open.await else { return ImageResponse::status_only(Status::NotFound) };
    let media_type = if is_small { picture_type(&head) } else { claims.media_type.as_str() };
    let part = requested_part(client.header("Range"), client.header("If-Range"), &tag, length);
    let Part::Bytes { start, end, is_whole } = part else {
        let response = ImageResponse::status_only(Status::RangeNotSatisfiable);
        return response.with_header("Content-Range", Some(format!("bytes */{length}")));
    };
    if seek(&mut file, start).is_err() {
        return ImageResponse::status_only(Status::InternalServerError);
    }
    let response = ImageResponse::file(if is_whole { Status::Ok } else { Status::PartialContent }, file, end - start);
    let range = (!is_whole).then(|| format!("bytes {start}-{}/{length}", end - 1));
    let is_inline = claims.inline && is_shown(media_type);
    with_caching(response, tag)
        .with_header("Content-Range", range)
        .with_header("Content-Type", Some(if is_header(media_type) { media_type } else { OTHER }.to_owned()))
        .with_header("Content-Disposition", Some(disposition(&claims.name, is_inline)))
        .with_header("Accept-Ranges", Some("bytes".into()))
        .with_header("Content-Security-Policy", Some(POLICY.into()))
        // Its name and its ticket are secret. The site may have another domain.
        .with_header("Cross-Origin-Resource-Policy", Some("cross-origin".into()))
        .with_header("Referrer-Policy", Some("no-referrer".into()))
        // The viewer saves pictures.
        .with_cors(client)
}

fn with_caching(response: ImageResponse, tag: String) -> ImageResponse {
    response.with_header("Cache-Control", Some(CACHING.into())).with_header("ETag", Some(tag))
}

fn seek(file: &mut std::fs::File, start: u64) -> io::Result<u64> {
    file.seek(SeekFrom::Start(start))
}

/// Returns the media type of a small picture.
fn picture_type(head: &[u8]) -> &'static str {
    if head.starts_with(b"\x89PNG") { "image/png" } else { "image/jpeg" }
}

fn is_header(media_type: &str) -> bool {
    media_type.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/+-.".contains(&byte))
}

/// Returns a disposition with the name for all clients, and for those that read UTF-8 (RFC 6266).
fn disposition(name: &str, is_inline: bool) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " -_.()+,=@~!".contains(c);
    let fallback: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    // RFC 5987, attr-char.
    let encoded: String = name
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'!' | b'+' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect();
    let kind = if is_inline { "inline" } else { "attachment" };
    format!("{kind}; filename=\"{fallback}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_to_old_and_to_new_clients() {
        let expected = "attachment; filename=\"__ _1_.hwp\"; filename*=UTF-8''%ED%95%9C%EA%B8%80%20%221%22.hwp";
        assert_eq!(disposition("한글 \"1\".hwp", false), expected);
        assert!(disposition("a\r\nSet-Cookie: b", true).starts_with("inline; filename=\"a__Set-Cookie_ b\""));
    }
}
