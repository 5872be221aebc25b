//! The one task of a stream: it owns the connection, tells the core what happens, and does what the core wants.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tracing::Instrument;
use zerobus_codegen::TableName;

use crate::auth::Cache;
use crate::core::{Action, Event, TokenAge};
use crate::error::{Error, Fault};
use crate::event::{OnEvent, StreamEvent};
use crate::meter::Meter;
use crate::shared::Shared;
use crate::transport::{self, Call, Link, RecordKind, Transport};

/// What a driver is made of.
pub(crate) struct Driver {
    pub(crate) shared: Arc<Shared>,
    pub(crate) transport: Transport,
    pub(crate) tokens: Arc<Cache>,
    pub(crate) table: TableName,
    pub(crate) kind: RecordKind,
    /// The message that creates the stream on the server.
    pub(crate) create: Bytes,
    pub(crate) on_event: Option<Arc<OnEvent>>,
    pub(crate) meter: Meter,
    /// Who waits for the first connection.
    pub(crate) first_open: Option<oneshot::Sender<Result<(), Error>>>,
}

type Opening = Pin<Box<dyn Future<Output = Result<Link, Error>> + Send>>;

/// What there is of a connection.
enum Connection {
    None,
    Open(Box<Link>),
    Opening(Opening),
}

impl Driver {
    /// Starts the task on the current tokio runtime.
    pub(crate) fn spawn(self) {
        tokio::spawn(self.run());
    }

    /// Drives the stream to its end.
    pub(crate) fn run(self) -> impl Future<Output = ()> + Send {
        let span = tracing::info_span!("zerobus.stream", table = %self.table);
        self.drive().instrument(span)
    }

    async fn drive(mut self) {
        let _departure = Departure { shared: Arc::clone(&self.shared) };
        let mut connection = Connection::None;
        loop {
            match self.shared.next_action() {
                Ok(Action::Open { generation, token }) => {
                    connection = Connection::Opening(self.open(generation, token));
                }
                Ok(Action::Reset) => connection = Connection::None,
                Ok(Action::Stop) => return self.meter.record(&self.shared),
                Ok(Action::Tell(event)) => self.tell(&event),
                Err(deadline) => self.rest(&mut connection, deadline).await,
            }
        }
    }

    /// Waits for the next event and gives it to the core.
    async fn rest(&mut self, connection: &mut Connection, deadline: Option<Duration>) {
        let at = deadline.map(|deadline| self.shared.instant(deadline));
        let elapsed = async {
            match at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let event = tokio::select! {
            // In order, so that a simulation runs the same way every time; every event looks at the clock as well.
            biased;
            event = connection.next() => event,
            () = elapsed => Some(Event::Elapsed),
            () = self.shared.changed() => None,
        };
        if let Some(event) = event {
            self.shared.handle(event);
            self.meter.record(&self.shared);
        }
    }

    fn open(&self, generation: u64, token: TokenAge) -> Opening {
        let (transport, tokens, table) = (self.transport.clone(), Arc::clone(&self.tokens), self.table.clone());
        let call = Call {
            shared: Arc::clone(&self.shared),
            generation,
            kind: self.kind,
            table: table.to_string(),
            create: self.create.clone(),
        };
        Box::pin(async move {
            let token = tokens.token(&table, token).await?;
            transport::open(&transport, &token, call).await
        })
    }

    fn tell(&mut self, event: &StreamEvent) {
        log(event);
        if let Some(on_event) = &self.on_event {
            on_event(event);
        }
        let answer = match event {
            StreamEvent::Closed => Err(Fault::Closed { table: self.table.to_string() }.into()),
            StreamEvent::Failed { error } => Err(error.clone()),
            StreamEvent::Opened { .. } => Ok(()),
            StreamEvent::Closing { .. } | StreamEvent::Reconnecting { .. } | StreamEvent::Rejected { .. } => return,
        };
        if let Some(first_open) = self.first_open.take() {
            // Whoever opened the stream may have gone meanwhile; the stream then closes by itself.
            let _ = first_open.send(answer);
        }
    }
}

impl Connection {
    /// The next event; pending for ever where there is no connection.
    async fn next(&mut self) -> Option<Event> {
        match self {
            Self::None => std::future::pending().await,
            Self::Open(link) => {
                let event = link.next().await;
                if matches!(event, Event::Ended(_)) {
                    *self = Self::None;
                }
                Some(event)
            }
            Self::Opening(opening) => match opening.await {
                Ok(link) => {
                    *self = Self::Open(Box::new(link));
                    None
                }
                Err(error) => {
                    *self = Self::None;
                    Some(Event::Ended(Some(error)))
                }
            },
        }
    }
}

fn log(event: &StreamEvent) {
    match event {
        StreamEvent::Closed => tracing::info!(name: "zerobus.stream.closed", "stream closed, every row is durable"),
        StreamEvent::Closing { grace } => {
            tracing::info!(name: "zerobus.stream.closing", ?grace, "the server asks for a new connection");
        }
        StreamEvent::Failed { error } => tracing::error!(name: "zerobus.stream.failed", %error, "stream failed"),
        StreamEvent::Opened { replays } => tracing::info!(name: "zerobus.stream.opened", replays, "stream opened"),
        StreamEvent::Reconnecting { reason, pause } => {
            tracing::warn!(name: "zerobus.stream.reconnecting", %reason, ?pause, "connection lost");
        }
        StreamEvent::Rejected { offset, reason } => {
            tracing::error!(name: "zerobus.stream.row_rejected", %offset, %reason, "the server refused a row");
        }
    }
}

/// Says what is lost when the task ends, above all when a runtime that shuts down drops it.
struct Departure {
    shared: Arc<Shared>,
}

impl Drop for Departure {
    fn drop(&mut self) {
        self.shared.fail(Fault::ShutDown.into());
        let mut inner = self.shared.lock();
        if inner.is_abandoned {
            inner.report_loss();
        }
    }
}
