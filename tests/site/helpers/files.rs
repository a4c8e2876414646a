//! Files in chats, sent as a room's page sends them.

use std::path::Path;

use reqwest::multipart::{Form, Part};
use reqwest::redirect::Policy;

use super::page::attribute_of;
use super::person::{Answer, Person, nonce};

/// The form of a room's page that sends files.
#[derive(Clone)]
pub struct AttachForm {
    pub action: String,
    pub ticket: String,
    pub nonce: String,
    pub author: String,
}

pub const NO_FILES: &[(&str, &[u8])] = &[];

impl AttachForm {
    /// Sends fields, then files with their names, as a browser without script or a script (`application/json`) does.
    pub async fn send(&self, accept: &str, fields: &[(&str, &str)], files: &[(&str, impl AsRef<[u8]>)]) -> Answer {
        let first = [("ticket", &*self.ticket), ("nonce", &self.nonce), ("author", &self.author), ("to", "")];
        // Names are sent as browsers send them, in UTF-8.
        let mut form = Form::new().percent_encode_noop();
        for (name, value) in first.into_iter().chain(fields.iter().copied()) {
            form = form.text(name.to_owned(), value.to_owned());
        }
        for (name, bytes) in files {
            form = form.part("file", Part::bytes(bytes.as_ref().to_vec()).file_name((*name).to_owned()));
        }
        let client = reqwest::Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
        Answer::read(client.post(&self.action).header("Accept", accept).multipart(form)).await
    }

    /// Uploads one file whose chat follows later.
    pub async fn stage(&self, n: &str, name: &str, bytes: &[u8]) -> Answer {
        self.send("application/json", &[("stage", "1"), ("n", n)], &[(name, bytes)]).await
    }

    /// The same form with another nonce.
    pub fn again(&self) -> Self {
        Self { nonce: nonce(), ..self.clone() }
    }
}

impl Person {
    /// The form of a room's page.
    pub async fn attach_form(&self, room: &str) -> AttachForm {
        let page = self.get(room).await.body;
        let value = |name: &str| attribute_of(&page, &format!("#attach [name={name}]"), "value").unwrap();
        let action = attribute_of(&page, "#attach", "action").unwrap();
        AttachForm { action, ticket: value("ticket"), nonce: value("nonce"), author: value("author") }
    }

    /// Says something with files, without script. Answers the `seq` of the chat.
    pub async fn say_with_files(&self, room: &str, text: &str, files: &[(&str, &[u8])]) -> i64 {
        let answer = self.attach_form(room).await.send("text/html", &[("text", text)], files).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let location = answer.location.unwrap();
        location.rsplit_once("#chat-").unwrap_or_else(|| panic!("{location}")).1.parse().unwrap()
    }

    /// Downloads a file by its path on the site: the status of the file server and the bytes.
    pub async fn download(&self, path: &str) -> (u16, Vec<u8>) {
        let redirect = self.get(path).await;
        let Some(location) = redirect.location else { return (redirect.status, Vec::new()) };
        let answer = reqwest::get(location).await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
    }
}

/// The files in the folder of a file server, without pictures of people.
pub fn stored_files(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.contains('.')).collect()
}
