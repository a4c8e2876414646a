//! Reads a multipart form with bounds on time, on memory and on the disk.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::Stream;
use multer::bytes::Bytes;
use multer::{Constraints, Field, Multipart, SizeLimit};
use rocket::data::DataStream;
use rocket::http::ContentType;
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};
use tokio_util::io::ReaderStream;

use super::error::UploadError;
use crate::file::PartFile;
use crate::images::ImageServer;
use crate::images::limits::{MIN_PROGRESS, PROGRESS_INTERVAL};

const CHUNK: usize = 32 << 10;
/// The bytes that are hashed and written at once.
const BLOCK: usize = 256 << 10;
/// The most bytes that arrive without a field beginning or continuing: the parser holds them all in memory.
const MAX_HELD: usize = 128 << 10;
/// The first bytes of a file, which tell its kind.
pub(super) const HEAD: usize = 512;

/// A form that is still arriving.
pub(super) struct Form<'r> {
    fields: Multipart<'r>,
    /// The end of the whole form.
    deadline: Instant,
    /// The end of the present interval, and the bytes in it.
    interval: (Instant, u64),
    /// The bytes that the parser may hold.
    held: Arc<AtomicUsize>,
}

/// A file that has arrived, in the store's folder.
pub(super) struct ReceivedFile {
    pub(super) part: PartFile,
    pub(super) head: Vec<u8>,
    pub(super) hash: [u8; 32],
}

struct PartWriter {
    part: PartFile,
    hash: Sha256,
}

/// Pauses after each chunk: multer reads until it has to wait, whatever it holds already. Fails beyond [`MAX_HELD`].
struct Paced<S> {
    stream: S,
    must_pause: bool,
    held: Arc<AtomicUsize>,
}

impl<S: Stream<Item = io::Result<Bytes>> + Unpin> Stream for Paced<S> {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        if std::mem::take(&mut self.must_pause) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let item = ready!(Pin::new(&mut self.stream).poll_next(cx));
        self.must_pause = item.is_some();
        let bytes = item.as_ref().and_then(|chunk| chunk.as_ref().ok()).map_or(0, Bytes::len);
        if self.held.fetch_add(bytes, Ordering::Relaxed) + bytes > MAX_HELD {
            return Poll::Ready(Some(Err(io::ErrorKind::InvalidData.into())));
        }
        Poll::Ready(item)
    }
}

impl<'r> Form<'r> {
    /// Opens a form of at most `max_bytes` that arrives within `time`.
    pub(super) fn open(
        stream: &'r mut DataStream<'_>,
        content_type: Option<&ContentType>,
        max_bytes: u64,
        time: Duration,
    ) -> Result<Self, UploadError> {
        let boundary = content_type.filter(|kind| kind.is_form_data()).and_then(|kind| kind.param("boundary"));
        let boundary = boundary.filter(|boundary| !boundary.is_empty()).ok_or(UploadError::Form)?;
        let held = Arc::new(AtomicUsize::new(0));
        let stream = ReaderStream::with_capacity(stream, CHUNK);
        let stream = Paced { stream, must_pause: false, held: Arc::clone(&held) };
        let limits = Constraints::new().size_limit(SizeLimit::new().whole_stream(max_bytes));
        let now = Instant::now();
        let fields = Multipart::with_constraints(stream, boundary, limits);
        Ok(Self { fields, deadline: now + time, interval: (now + PROGRESS_INTERVAL, 0), held })
    }

    pub(super) async fn next_field(&mut self) -> Result<Option<Field<'r>>, UploadError> {
        let end = self.interval.0.min(self.deadline);
        let field = timeout_at(end, self.fields.next_field()).await.map_err(|_| UploadError::TooSlow)?;
        self.held.store(0, Ordering::Relaxed);
        field.map_err(form_error)
    }

    async fn chunk(&mut self, field: &mut Field<'r>) -> Result<Option<Bytes>, UploadError> {
        loop {
            let (end, bytes) = self.interval;
            match timeout_at(end.min(self.deadline), field.chunk()).await {
                Ok(chunk) => {
                    let chunk = chunk.map_err(form_error)?;
                    self.held.store(0, Ordering::Relaxed);
                    self.interval.1 += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
                    return Ok(chunk);
                }
                Err(_) if bytes < MIN_PROGRESS || Instant::now() >= self.deadline => return Err(UploadError::TooSlow),
                Err(_) => self.restart_interval(),
            }
        }
    }

    /// Begins a new interval, for example after the server itself was busy.
    pub(super) fn restart_interval(&mut self) {
        self.interval = (Instant::now() + PROGRESS_INTERVAL, 0);
    }

    /// Reads a small field, or fails if it has more than `max` bytes.
    pub(super) async fn text(&mut self, mut field: Field<'r>, max: usize) -> Result<String, UploadError> {
        let mut text = Vec::new();
        while let Some(chunk) = self.chunk(&mut field).await? {
            if text.len() + chunk.len() > max {
                return Err(UploadError::TooLarge);
            }
            text.extend_from_slice(&chunk);
        }
        String::from_utf8(text).map_err(|_| UploadError::Form)
    }

    /// Receives a file into the store's folder. `limit` returns the most bytes for a file with this head,
    /// and the error of a longer one.
    pub(super) async fn file(
        &mut self,
        mut field: Field<'r>,
        server: &Arc<ImageServer>,
        limit: impl Fn(&[u8]) -> (u64, UploadError),
    ) -> Result<ReceivedFile, UploadError> {
        let mut writer = None;
        let (mut buffer, mut head, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut max = limit(&[]);
        self.restart_interval();
        while let Some(chunk) = self.chunk(&mut field).await? {
            bytes += chunk.len() as u64;
            if head.len() < HEAD {
                head.extend_from_slice(&chunk[..chunk.len().min(HEAD - head.len())]);
                max = limit(&head);
            }
            if bytes > max.0 {
                return Err(max.1);
            }
            buffer.extend_from_slice(&chunk);
            if buffer.len() >= BLOCK {
                (writer, buffer) = write(writer, buffer, server).await?;
            }
        }
        let (writer, _) = write(writer, buffer, server).await?;
        self.restart_interval();
        match writer {
            Some(PartWriter { part, hash }) if bytes > 0 => {
                Ok(ReceivedFile { part, head, hash: hash.finalize().into() })
            }
            _ => Err(UploadError::Missing),
        }
    }
}

/// Hashes and writes a block. Returns the empty buffer.
async fn write(
    writer: Option<PartWriter>,
    mut buffer: Vec<u8>,
    server: &Arc<ImageServer>,
) -> Result<(Option<PartWriter>, Vec<u8>), UploadError> {
    let server = Arc::clone(server);
    let write = move || {
        if server.store.space()?.is_low {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut writer = match writer {
            Some(writer) => writer,
            None => PartWriter { part: server.store.begin()?, hash: Sha256::new() },
        };
        writer.hash.update(&buffer);
        writer.part.file.write_all(&buffer)?;
        buffer.clear();
        Ok((Some(writer), buffer))
    };
    spawn_blocking(write).await.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(UploadError::from_disk)
}

fn form_error(error: multer::Error) -> UploadError {
    match error {
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => UploadError::TooLarge,
        _ => UploadError::Form,
    }
}
