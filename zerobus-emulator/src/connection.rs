//! One TCP connection. A fault can cut it, and it is closed after too long without a request.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::limits::Limits;

/// A handle on the connection of a call, carried in the call's extensions.
#[derive(Debug, Clone)]
pub(crate) struct Connection(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cut: Notify,
    peer: Option<SocketAddr>,
    requests: Mutex<Requests>,
}

#[derive(Debug)]
struct Requests {
    active: usize,
    /// When the connection was opened, or its last request ended.
    since: Instant,
    served: bool,
}

/// Held while a request is served.
#[derive(Debug)]
struct Active(Connection);

/// The body of an answer, whose request is active until it ends.
struct Answer {
    body: Body,
    _active: Active,
}

impl Connection {
    pub(crate) fn new(peer: Option<SocketAddr>) -> Self {
        let requests = Mutex::new(Requests { active: 0, since: Instant::now(), served: false });
        Self(Arc::new(Inner { cut: Notify::new(), peer, requests }))
    }

    /// The client's address, if the system knows it.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.0.peer
    }

    /// Closes the socket at once, without a message to the client.
    pub(crate) fn cut(&self) {
        self.0.cut.notify_one();
    }

    /// Returns when the connection has to be cut.
    pub(crate) async fn is_cut(&self) {
        self.0.cut.notified().await;
    }

    /// Returns when the connection has had no request for too long.
    pub(crate) async fn is_idle(&self, limits: &Limits) {
        loop {
            let until = self.idle_at(limits);
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }

    fn idle_at(&self, limits: &Limits) -> Instant {
        let requests = self.requests();
        if requests.active > 0 {
            return Instant::now() + limits.idle_grace.max(Duration::from_secs(1));
        }
        requests.since + if requests.served { limits.idle_grace } else { limits.connect_grace }
    }

    fn requests(&self) -> std::sync::MutexGuard<'_, Requests> {
        self.0.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> Active {
        let mut requests = self.requests();
        requests.active += 1;
        requests.served = true;
        Active(self.clone())
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        let mut requests = self.0.requests();
        requests.active -= 1;
        requests.since = Instant::now();
    }
}

/// Counts a request from its head to the end of its answer.
pub(crate) async fn count(request: Request, next: Next) -> Response {
    let Some(connection) = request.extensions().get::<Connection>() else { return next.run(request).await };
    let active = connection.begin();
    next.run(request).await.map(|body| Body::new(Answer { body, _active: active }))
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
