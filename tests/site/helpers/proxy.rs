//! A proxy between people and a site: one request a connection, and without an upgrade where that is wanted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};

/// A running proxy.
pub struct Proxy {
    /// As `http://127.0.0.1:40000`.
    pub address: String,
    /// How many requests have come.
    pub requests: Arc<AtomicUsize>,
    cut: Arc<Notify>,
    freeze: Arc<Notify>,
    running: AbortHandle,
}

impl Proxy {
    /// A proxy before a site; one that `strips` takes the upgrade out of each request, as some do.
    pub async fn before(site: &str, strips: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (site, requests) = (site.strip_prefix("http://").unwrap().to_owned(), Arc::new(AtomicUsize::new(0)));
        let (counted, strips, cut) = (Arc::clone(&requests), Arc::new(strips), Arc::new(Notify::new()));
        let cutting = Arc::clone(&cut);
        let freeze = Arc::new(Notify::new());
        let freezing = Arc::clone(&freeze);
        let running = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((from, _)) = listener.accept().await {
                let (site, counted, strips) = (site.clone(), Arc::clone(&counted), Arc::clone(&strips));
                let (cutting, freezing) = (Arc::clone(&cutting), Arc::clone(&freezing));
                connections.spawn(async move {
                    tokio::select! {
                        _ = pass(from, &site, &counted, &*strips, &freezing) => {}
                        () = cutting.notified() => {}
                    }
                });
            }
        });
        Self { address, requests, cut, freeze, running: running.abort_handle() }
    }

    /// Cuts all connections that are open.
    pub fn cut(&self) {
        self.cut.notify_waiters();
    }

    /// Stops forwarding on all connections that are open, without closing them. New connections work.
    pub fn freeze(&self) {
        self.freeze.notify_waiters();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn pass(
    mut from: TcpStream,
    site: &str,
    requests: &AtomicUsize,
    strips: &(dyn Fn() -> bool + Send + Sync),
    freezing: &Notify,
) -> std::io::Result<()> {
    let mut read = Vec::new();
    let end = loop {
        if from.read_buf(&mut read).await? == 0 {
            return Ok(());
        }
        if let Some(end) = read.windows(4).position(|end| end == b"\r\n\r\n") {
            break end;
        }
    };
    requests.fetch_add(1, Ordering::Relaxed);
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    let is_upgrade = head.lines().any(|line| line.to_ascii_lowercase().starts_with("upgrade:"));
    let keeps = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        name != "connection" && name != "upgrade"
    };
    let (mut lines, upgrades) = (head.split("\r\n").collect::<Vec<_>>(), is_upgrade && !strips());
    if !upgrades {
        lines = lines.into_iter().filter(keeps).collect();
        lines.push("Connection: close");
    }
    let mut to = TcpStream::connect(site).await?;
    to.write_all(lines.join("\r\n").as_bytes()).await?;
    to.write_all(&read[end..]).await?;
    tokio::select! {
        copied = copy_bidirectional(&mut from, &mut to) => copied.map(|_| ()),
        () = freezing.notified() => std::future::pending().await,
    }
}
