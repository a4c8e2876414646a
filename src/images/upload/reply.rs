//! Answers to uploads for a chat: JSON for scripts; redirects to the room, or a page that keeps the text, for forms.

use rocket::http::Status;
use serde::Deserialize;
use serde_json::json;

use super::error::UploadError;
use super::pending_chat::PendingChat;
use crate::attachment::Attachment;
use crate::error::Error;
use crate::images::response::{Client, ImageResponse};
use crate::internal_api::ChatAnswer;

/// What an upload leads to.
pub(super) enum Upload {
    Staged {
        receipt: String,
        file: Attachment,
    },
    /// The site's answer to the chat.
    Posted(ChatAnswer),
}

/// What the page needs of the site's chat.
#[derive(Deserialize)]
struct PostedSeq {
    seq: i64,
}

#[derive(Deserialize)]
struct SiteError {
    error: SiteErrorBody,
}

#[derive(Deserialize)]
struct SiteErrorBody {
    message: String,
}

pub(super) fn reply(upload: Upload, pending: &PendingChat<'_>, client: &Client<'_>) -> ImageResponse {
    match upload {
        Upload::Staged { receipt, file } => {
            ImageResponse::json(Status::Created, &json!({ "receipt": receipt, "file": file })).with_cors(client)
        }
        Upload::Posted(answer) if client.wants_json() => {
            ImageResponse::raw_json(Status::new(answer.status), answer.body)
                .with_header("Retry-After", answer.retry_after)
                .with_cors(client)
        }
        Upload::Posted(answer) => reply_to_form(&answer, pending, client),
    }
}

fn reply_to_form(answer: &ChatAnswer, pending: &PendingChat<'_>, client: &Client<'_>) -> ImageResponse {
    if matches!(answer.status, 200 | 201) {
        let chat = serde_json::from_slice(&answer.body).map(|chat: PostedSeq| format!("chat-{}", chat.seq));
        return redirect(pending, client, None, chat.ok().as_deref());
    }
    let message = serde_json::from_slice(&answer.body).map(|error: SiteError| error.error.message).ok();
    let status = Status::new(answer.status);
    form_failure(UploadError::from_site(answer.status), status, message, (pending, client))
        .with_header("Retry-After", answer.retry_after.clone())
}

pub(super) fn reply_error(error: UploadError, pending: &PendingChat<'_>, client: &Client<'_>) -> ImageResponse {
    if error == UploadError::Misdirected {
        return client.error(&Error::Misdirected);
    }
    if client.wants_json() {
        let (message, file) = (message(error, client), pending.current_file.as_deref());
        let view = json!({ "error": { "code": error.code(), "message": message, "fields": {}, "file": file } });
        return ImageResponse::json(error.status(), &view).with_retry_after(error.retry_after()).with_cors(client);
    }
    form_failure(error, error.status(), None, (pending, client)).with_retry_after(error.retry_after())
}

fn message(error: UploadError, client: &Client<'_>) -> String {
    client.locale().text(&format!("upload-{}", error.code()))
}

/// Returns to the room, which puts the code into words, unless a text would be lost.
fn form_failure(
    error: UploadError,
    status: Status,
    site_message: Option<String>,
    (pending, client): (&PendingChat<'_>, &Client<'_>),
) -> ImageResponse {
    if pending.text.trim().is_empty() && pending.claims.is_some() {
        return redirect(pending, client, Some(error.code()), None);
    }
    let message = site_message.unwrap_or_else(|| message(error, client));
    ImageResponse::html(status, page(&message, pending, client))
}

fn redirect(
    pending: &PendingChat<'_>,
    client: &Client<'_>,
    code: Option<&str>,
    fragment: Option<&str>,
) -> ImageResponse {
    let Some(mut url) = room_url(pending, client) else { return ImageResponse::status_only(Status::NotFound) };
    if let Some(code) = code {
        url.query_pairs_mut().append_pair("upload", code);
    }
    url.set_fragment(fragment);
    ImageResponse::status_only(Status::SeeOther).with_header("Location", Some(url.into()))
}

fn room_url(pending: &PendingChat<'_>, client: &Client<'_>) -> Option<url::Url> {
    let mut url = client.site_url()?;
    let room = pending.claims.as_ref().map(|claims| format!("/room/{}", claims.room));
    url.set_path(room.as_deref().unwrap_or("/room"));
    Some(url)
}

/// Renders what went wrong, and a form with what was typed.
fn page(message: &str, pending: &PendingChat<'_>, client: &Client<'_>) -> String {
    let locale = client.locale();
    let text = |key| escaped(&locale.text(key));
    let file = pending.current_file.as_ref().map(|name| format!("<bdi>{}</bdi>: ", escaped(name))).unwrap_or_default();
    let hidden =
        |name: &str, value: &str| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value));
    let form = pending.claims.as_ref().map(|_| {
        format!(
            "<form action=\"/file\" method=\"post\" enctype=\"multipart/form-data\">{}{}{}{}\n\
             <textarea name=\"text\" rows=\"6\" aria-label=\"{}\">\n{}</textarea>\n\
             <input type=\"file\" name=\"file\" multiple aria-label=\"{}\">\n<button>{}</button>\n</form>\n",
            hidden("ticket", &pending.ticket),
            hidden("nonce", &pending.nonce),
            pending.author.as_deref().map(|author| hidden("author", author)).unwrap_or_default(),
            pending.mention.iter().map(|person| hidden("mention", person)).collect::<String>(),
            text("upload-text"),
            escaped(&pending.text),
            text("upload-files"),
            text("upload-resend"),
        )
    });
    let back = room_url(pending, client).map(|url| escaped(url.as_str())).unwrap_or_default();
    format!(
        "<!DOCTYPE html>\n<html lang=\"{tag}\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         <h1>{title}</h1>\n<p role=\"alert\">{file}{message}</p>\n{form}<p><a href=\"{back}\">{link}</a></p>\n",
        tag = locale.tag(),
        title = text("upload-failed"),
        message = escaped(message),
        form = form.unwrap_or_default(),
        link = text("upload-back"),
    )
}

const STYLE: &str = ":root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}\
    body{max-width:40rem;margin:2rem auto;padding:0 1rem}\
    textarea,input,button{display:block;box-sizing:border-box;width:100%;margin:.5rem 0;padding:.5rem;font:inherit}\
    button{min-height:2.75rem}";

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
