//! A relay between client and server that counts connections and ends each after a number of bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The connections through a relay.
#[derive(Debug, Default)]
pub struct Connections {
    made: AtomicUsize,
    open: AtomicUsize,
}

impl Connections {
    /// How many there were.
    pub fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }

    /// How many the client has not ended yet.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

/// Relays to the server of this URL, and ends a connection after this many bytes of the client.
pub async fn tap(server: &str, most: usize) -> (String, Arc<Connections>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (server, connections) = (server.trim_start_matches("http://").to_owned(), Arc::<Connections>::default());
    let counts = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            counts.made.fetch_add(1, Ordering::SeqCst);
            counts.open.fetch_add(1, Ordering::SeqCst);
            let (counts, server) = (Arc::clone(&counts), server.clone());
            tokio::spawn(async move {
                relay(client, &server, most).await;
                counts.open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    (url, connections)
}

/// Returns when the client has ended the connection, or has sent its bytes.
async fn relay(client: TcpStream, server: &str, most: usize) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let back = tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
    });
    let (mut left, mut bytes) = (most, vec![0; 64 * 1024]);
    while left > 0 {
        let most = left.min(bytes.len());
        match from_client.read(&mut bytes[..most]).await {
            Ok(read @ 1..) if to_server.write_all(&bytes[..read]).await.is_ok() => left -= read,
            _ => break,
        }
    }
    back.abort();
}
