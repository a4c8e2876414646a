//! A chat whose form is arriving: its fields, and the files that are stored already.

use std::sync::Arc;
use std::time::Duration;

use multer::Field;

use super::decode::decode;
use super::error::UploadError;
use super::permits::{UploadPermits, acquire_permits};
use super::receive::{Form, ReceivedFile};
use crate::attachment::{
    Attachment, AttachmentKind, ChatWithFiles, FileName, MAX_FILES_PER_CHAT, Receipt, UploadClaims,
};
use crate::images::ImageServer;
use crate::images::kind::{description, display_name, kind, picture_name};
use crate::images::picture::{is_picture, render};
use crate::images::response::Client;
use crate::images::store::{Content, StoredItem};
use crate::models::values::Nonce;
use crate::ticket::Purpose;

/// The bytes of all small fields together.
const MAX_FIELDS: usize = 64 << 10;
const MAX_TICKET: usize = 4 << 10;
const MAX_MENTIONS: usize = 50;
/// From the arrival of a picture; half of it may be spent waiting for a decoder. A proxy waits for 180 s.
const PROCESSING_TIMEOUT: Duration = Duration::from_secs(160);

#[derive(Default)]
pub(super) struct PendingChat<'a> {
    pub(super) ticket: String,
    pub(super) claims: Option<UploadClaims>,
    pub(super) nonce: String,
    pub(super) author: Option<String>,
    pub(super) text: String,
    pub(super) mention: Vec<String>,
    descriptions: Vec<String>,
    /// Whether the form has one file, whose chat follows later.
    pub(super) is_staged: bool,
    /// The number of a staged file.
    n: Option<i32>,
    pub(super) files: Vec<Attachment>,
    /// How many files came with this form.
    pub(super) received: usize,
    field_bytes: usize,
    stored_bytes: u64,
    pub(super) permits: Option<UploadPermits<'a>>,
    /// The name of the file that is being received.
    pub(super) current_file: Option<String>,
}

impl<'a> PendingChat<'a> {
    /// Reads the ticket, which comes first.
    pub(super) async fn read_ticket(&mut self, form: &mut Form<'_>, server: &ImageServer) -> Result<(), UploadError> {
        let field = form.next_field().await?.filter(|field| field.name() == Some("ticket"));
        self.ticket = form.text(field.ok_or(UploadError::Ticket)?, MAX_TICKET).await?;
        self.claims = server.site.secret().claims(&self.ticket, Purpose::UploadFiles, "");
        self.claims.is_some().then_some(()).ok_or(UploadError::Ticket)
    }

    /// Reads what was typed, up to the first file, although the form is refused.
    pub(super) async fn read_typed(&mut self, form: &mut Form<'_>) {
        while let Ok(Some(field)) = form.next_field().await {
            let name = field.name().unwrap_or_default().to_owned();
            let Some(value) = form.text(field, MAX_FIELDS - self.field_bytes).await.ok().filter(|_| name != "file")
            else {
                return;
            };
            self.field_bytes += value.len();
            if name == "text" {
                self.text = value;
            }
        }
    }

    /// Reads the other fields and stores each file as it arrives.
    pub(super) async fn read(
        &mut self,
        form: &mut Form<'_>,
        client: &Client<'_>,
        server: &'a Arc<ImageServer>,
    ) -> Result<(), UploadError> {
        while let Some(field) = form.next_field().await? {
            if field.name() == Some("file") {
                self.read_file(form, field, client, server).await?;
            } else {
                self.read_field(form, field, server).await?;
            }
        }
        Ok(())
    }

    async fn read_field<'r>(
        &mut self,
        form: &mut Form<'r>,
        field: Field<'r>,
        server: &ImageServer,
    ) -> Result<(), UploadError> {
        let name = field.name().unwrap_or_default().to_owned();
        if matches!(name.as_str(), "nonce" | "stage" | "n") && !self.files.is_empty() {
            // The names of the files depend on them.
            return Err(UploadError::Form);
        }
        let value = form.text(field, MAX_FIELDS - self.field_bytes).await?;
        self.field_bytes += value.len();
        match name.as_str() {
            "nonce" => self.nonce = Nonce::parse(&value).map_err(|_| UploadError::Form)?.as_str().to_owned(),
            "author" => self.author = Some(value),
            "text" => self.text = value,
            "mention" if self.mention.len() < MAX_MENTIONS => self.mention.push(value),
            "alt" if self.descriptions.len() < MAX_FILES_PER_CHAT => self.descriptions.push(value),
            "stage" => self.is_staged = value == "1",
            "n" => self.n = Some(value.parse().ok().filter(is_position).ok_or(UploadError::Form)?),
            "receipt" => self.take_receipt(&value, server).await?,
            _ => {}
        }
        Ok(())
    }

    /// Adds a file that was stored before.
    async fn take_receipt(&mut self, receipt: &str, server: &ImageServer) -> Result<(), UploadError> {
        let claims = self.claims.as_ref().ok_or(UploadError::Ticket)?;
        let receipt: Receipt =
            server.site.secret().claims(receipt, Purpose::Receipt, "").ok_or(UploadError::Receipt)?;
        let is_own = (&receipt.user, &receipt.room, &receipt.nonce) == (&claims.user, &claims.room, &self.nonce);
        let file = receipt.file;
        if !is_own || self.is_staged || self.files.iter().any(|other| other.n == file.n) {
            return Err(UploadError::Form);
        }
        if self.files.len() == MAX_FILES_PER_CHAT {
            return Err(UploadError::TooManyFiles);
        }
        let item = StoredItem::File(file.path.clone());
        server.with_store(move |store| store.open_file(&item, false)).await.map_err(|_| UploadError::Receipt)?;
        self.files.push(file);
        Ok(())
    }

    async fn read_file<'r>(
        &mut self,
        form: &mut Form<'r>,
        field: Field<'r>,
        client: &Client<'_>,
        server: &'a Arc<ImageServer>,
    ) -> Result<(), UploadError> {
        let given_name = field.file_name().unwrap_or_default().to_owned();
        if given_name.is_empty() {
            // A form without script sends an input without a file.
            let rest = form.text(field, 0).await;
            return rest.map(drop).map_err(|_| UploadError::Form);
        }
        let name = display_name(&given_name);
        self.current_file = Some(name.clone());
        if self.files.len() == MAX_FILES_PER_CHAT || self.is_staged && self.received > 0 {
            return Err(UploadError::TooManyFiles);
        }
        if self.nonce.is_empty() {
            return Err(UploadError::Form);
        }
        let claims = self.claims.as_ref().ok_or(UploadError::Ticket)?;
        if self.permits.is_none() {
            self.permits = Some(acquire_permits(server, &claims.user, client.address()).await?);
        }
        let bytes_left = claims.bytes_left.saturating_sub(self.stored_bytes);
        let sizes = server.sizes;
        let limit = |head: &[u8]| match (is_picture(head), bytes_left) {
            (_, 0) => (0, UploadError::Quota),
            (true, _) => (sizes.picture_bytes, UploadError::TooLarge),
            (false, left) if left < sizes.file_bytes => (left, UploadError::Quota),
            (false, _) => (sizes.file_bytes, UploadError::TooLarge),
        };
        let received = form.file(field, server, limit).await?;
        let alt = self.descriptions.get(self.received).and_then(|text| description(text));
        let file = Attachment { alt, ..self.store(received, name, bytes_left, server).await? };
        self.received += 1;
        self.current_file = None;
        self.files.push(file);
        form.restart_interval();
        Ok(())
    }

    /// Stores a received file, or the renditions of a picture.
    async fn store(
        &mut self,
        received: ReceivedFile,
        name: String,
        bytes_left: u64,
        server: &Arc<ImageServer>,
    ) -> Result<Attachment, UploadError> {
        let claims = self.claims.as_ref().ok_or(UploadError::Ticket)?;
        let n = if self.is_staged { self.n.unwrap_or(1) } else { self.next_position() };
        let path = FileName::new(&claims.room, &self.nonce, n.unsigned_abs() as usize, &received.hash);
        let item = StoredItem::File(path.clone());
        let mut file = Attachment {
            n,
            path,
            kind: AttachmentKind::Picture,
            name,
            media_type: String::new(),
            bytes: 0,
            width: None,
            height: None,
            animated: false,
            alt: None,
        };
        let (content, small) = if is_picture(&received.head) {
            let picture = decode(server, PROCESSING_TIMEOUT, move || render(&received.part.file)).await?;
            file.name = picture_name(&file.name, picture.media_type);
            picture.media_type.clone_into(&mut file.media_type);
            (file.width, file.height, file.animated) = (Some(picture.width), Some(picture.height), picture.animated);
            (Content::Bytes(picture.large), Some(picture.small))
        } else {
            let (kind, media_type) = kind(&received.head, &file.name);
            file.kind = kind;
            media_type.clone_into(&mut file.media_type);
            (Content::Received(received.part), None)
        };
        let stored = item.clone();
        let store = server.with_store(move |store| store.store(&stored, content, small.as_deref()));
        let bytes = store.await.map_err(UploadError::from_disk)?;
        server.new_items.push_new(item.clone());
        server.metrics.stored_bytes.inc_by(bytes);
        self.stored_bytes += bytes;
        if bytes > bytes_left {
            // The sweep deletes it.
            return Err(UploadError::Quota);
        }
        file.bytes = i64::try_from(bytes).map_err(|_| UploadError::Quota)?;
        Ok(file)
    }

    /// Returns the place of the next file, or the first free number if a receipt has taken that.
    fn next_position(&self) -> i32 {
        let is_free = |n: &i32| self.files.iter().all(|file| file.n != *n);
        let place = i32::try_from(self.files.len()).unwrap_or(i32::MAX - 1) + 1;
        Some(place).filter(is_free).or_else(|| (1..place).find(is_free)).unwrap_or(place)
    }

    /// Returns the receipt of the one staged file.
    pub(super) fn receipt(&self) -> Result<Receipt, UploadError> {
        let claims = self.claims.as_ref().ok_or(UploadError::Ticket)?;
        let file = self.files.first().ok_or(UploadError::Missing)?.clone();
        Ok(Receipt { user: claims.user.clone(), room: claims.room.clone(), nonce: self.nonce.clone(), file })
    }

    /// Returns the chat, if it has a file or a text, and its room.
    pub(super) fn chat(&self) -> Result<(String, ChatWithFiles), UploadError> {
        let claims = self.claims.as_ref().ok_or(UploadError::Ticket)?;
        if self.nonce.is_empty() {
            return Err(UploadError::Form);
        }
        if self.files.is_empty() && self.text.trim().is_empty() {
            return Err(UploadError::Missing);
        }
        let chat = ChatWithFiles {
            user: claims.user.clone(),
            session: claims.session.clone(),
            text: self.text.clone(),
            nonce: self.nonce.clone(),
            author: self.author.clone(),
            mention: self.mention.clone(),
            form: false,
            files: self.files.clone(),
        };
        Ok((claims.room.clone(), chat))
    }
}

fn is_position(n: &i32) -> bool {
    usize::try_from(*n).is_ok_and(|n| (1..=MAX_FILES_PER_CHAT).contains(&n))
}
