//! A proxy in front of a database that makes it look like another kind of server.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Bytes, and those of the same number that replace them.
type Rewrite = (&'static [u8], &'static [u8]);

/// MongoDB 4.4.0, which knows `hello` only by its old name. Returns the database's address by way of the proxy.
pub async fn without_hello(database: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    serve(listener, database, (b"\x10hello\0", b"\x10hellx\0"), (b"helloOk\0", b"hellxOk\0"))
}

/// A standalone server, which has no change streams.
pub async fn standalone(database: &str) -> String {
    serve(TcpListener::bind("127.0.0.1:0").await.unwrap(), database, (b"", b""), (b"setName\0", b"setNamx\0"))
}

/// A server on a port of the caller's choice.
pub async fn unchanged(listener: TcpListener, database: &str) -> String {
    serve(listener, database, (b"", b""), (b"", b""))
}

fn serve(listener: TcpListener, database: &str, requests: Rewrite, replies: Rewrite) -> String {
    let own = listener.local_addr().unwrap().to_string();
    let server = database.strip_prefix("mongodb://").unwrap().split('/').next().unwrap().to_owned();
    let address = database.replacen(&server, &own, 1);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = TcpStream::connect(&server).await else { continue };
            let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
            tokio::spawn(copy(from_client, to_server, requests));
            tokio::spawn(copy(from_server, to_client, replies));
        }
    });
    address
}

/// Copies bytes. What is replaced must come in one reading.
async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, (old, new): Rewrite) {
    let mut read = Vec::with_capacity(1 << 16);
    while from.read_buf(&mut read).await.is_ok_and(|count| count > 0) {
        while let Some(place) = memchr::memmem::find(&read, old).filter(|_| !old.is_empty()) {
            read[place..place + new.len()].copy_from_slice(new);
        }
        if to.write_all(&read).await.is_err() {
            return;
        }
        read.clear();
    }
}
