//! The single task of a stream: it owns the calls, passes their events to the core, and performs the core's actions.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;
use tonic::transport::Channel;
use tracing::Instrument;
use zerobus_codegen::TableName;

use crate::auth::{Cache, Numbered};
use crate::core::{Action, Begin, Heard, Over, Schema};
use crate::error::{Error, Fault};
use crate::event::{Hooks, StreamEvent, log};
use crate::meter::Meter;
use crate::offset::Offset;
use crate::record_kind::RecordKind;
use crate::schemas::Schemas;
use crate::shared::Shared;
use crate::transport::{self, Call, CallParts, Transport};

/// The parts of a driver.
pub(crate) struct Driver {
    pub(crate) shared: Arc<Shared>,
    /// A driver that is dropped before it runs ends its stream as well.
    pub(crate) guard: DriverGuard,
    pub(crate) transport: Transport,
    pub(crate) tokens: Arc<Cache>,
    /// The number of the token that the last call was opened with.
    pub(crate) token: Arc<AtomicU64>,
    pub(crate) table: TableName,
    pub(crate) kind: RecordKind,
    pub(crate) schemas: Schemas,
    /// Rows are kept on disk, so they are accepted even if the service is away at the start.
    pub(crate) is_spooled: bool,
    pub(crate) hooks: Hooks,
    pub(crate) meter: Meter,
    /// The lane it drives, if there are several.
    pub(crate) lane: Option<usize>,
    /// The delay before the first opening.
    pub(crate) delay: Duration,
    /// The waiter for the first stream.
    pub(crate) first_open: Option<oneshot::Sender<Result<(), Error>>>,
    /// Why `open` fails. It is reported at the end of the stream, when its spool has left the folder.
    pub(crate) open_error: Option<Error>,
}

/// Takes over the rows of a stream that gave up.
pub(crate) trait Heir: Send + Sync {
    fn inherit(&self);
}

type Opening = Pin<Box<dyn Future<Output = Result<Call, Error>> + Send>>;

/// A call that is being opened, or is open.
enum Current {
    None,
    Open(Box<Call>),
    Opening { generation: u64, opening: Opening },
}

/// The calls of a stream.
struct Calls {
    current: Current,
    /// The draining call beside the current call.
    draining: Option<Box<Call>>,
}

impl Driver {
    /// Starts the task on the current tokio runtime.
    pub(crate) fn spawn(self) {
        tokio::spawn(self.run());
    }

    /// Drives the stream to its end.
    pub(crate) fn run(self) -> impl Future<Output = ()> + Send {
        let span = tracing::info_span!("zerobus.stream", table = %self.table, lane = self.lane, stream_id = tracing::field::Empty);
        self.drive().instrument(span)
    }

    async fn drive(mut self) {
        let mut calls = Calls { current: Current::None, draining: None };
        loop {
            match self.shared.next_action() {
                Ok(Action::Open { generation, over, schema, begin }) => {
                    let channel = calls.make_way(over);
                    let opening = self.open(generation, channel, &begin, schema);
                    calls.current = Current::Opening { generation, opening };
                }
                Ok(Action::Reset { generation }) => calls.reset(generation),
                Ok(Action::Stop) => return self.stop().await,
                Ok(Action::Tell(event)) => {
                    self.tell(&event);
                    self.shared.pass_on_letters();
                }
                Err(deadline) => self.rest(&mut calls, deadline).await,
            }
        }
    }

    /// Waits for the next event and passes it to the core.
    async fn rest(&mut self, calls: &mut Calls, deadline: Option<Duration>) {
        let refresh = self.meter.refresh().map(|after| self.shared.now() + after);
        let at = deadline.into_iter().chain(refresh).min().and_then(|at| self.shared.instant(at));
        let elapsed = async {
            match at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // In a fixed order, so that a simulation is deterministic; every event also reads the clock.
            biased;
            (generation, heard) = calls.next() => self.hear(generation, heard),
            () = elapsed => self.shared.tick(),
            () = self.shared.changed() => return self.report_letters(),
        }
        self.meter.record(&self.shared);
    }

    fn hear(&mut self, generation: u64, heard: Heard) {
        let is_ack = matches!(heard, Heard::Acked(_) | Heard::Resumed(_));
        if let Heard::Ended(Some(error)) = &heard
            && error.fault().rejects_the_token()
        {
            // Before the core sees the event: it then opens the next call with the current token.
            self.tokens.reject(&self.table, self.token.load(Ordering::Relaxed));
        }
        self.shared.hear(generation, heard);
        if is_ack {
            self.report_acks();
        }
    }

    /// Waits until the sink has the last refused rows, and until the spool has left its folder.
    async fn stop(mut self) {
        self.meter.record(&self.shared);
        if let Some(heir) = &self.guard.heir {
            // The rows of other lanes wait for neither.
            heir.inherit();
        }
        self.shared.letters_passed_on().await;
        self.report_letters();
        self.shared.over().await;
        if let Some(error) = self.open_error.take() {
            self.answer(Err(error));
        }
    }

    /// Reports rows that are settled because the sink took or refused those before them.
    fn report_letters(&mut self) {
        if self.shared.take_letter_news() {
            self.report_acks();
        }
    }

    fn report_acks(&mut self) {
        if self.hooks.wants_acks() {
            let delivered = self.shared.lock().delivered();
            if let Some(last) = delivered.checked_sub(1) {
                self.hooks.acked(Offset(last));
            }
        }
    }

    fn open(&mut self, generation: u64, channel: Option<Channel>, begin: &Begin, schema: Schema) -> Opening {
        let delay = std::mem::take(&mut self.delay);
        let (transport, tokens, table) = (self.transport.clone(), Arc::clone(&self.tokens), self.table.clone());
        let used = Arc::clone(&self.token);
        let parts = CallParts {
            shared: Arc::clone(&self.shared),
            generation,
            kind: self.kind,
            table: table.to_string(),
            create: self.schemas.create(schema, begin),
            begin: begin.clone(),
        };
        Box::pin(async move {
            tokio::time::sleep(delay).await;
            let Numbered { token, number } = tokens.token(&table).await?;
            used.store(number, Ordering::Relaxed);
            let channel = match channel {
                Some(channel) => channel,
                None => transport::connect(&transport).await?,
            };
            transport::begin(&transport, channel, &token, parts).await
        })
    }

    fn tell(&mut self, event: &StreamEvent) {
        log(event);
        if let StreamEvent::Reconnecting { reason, .. } = event {
            self.meter.reconnecting(reason);
        }
        self.hooks.emit(event);
        match event {
            StreamEvent::Closed { .. } => {
                self.open_error = Some(Fault::Closed { table: self.table.to_string() }.into());
            }
            StreamEvent::Failed { error } => self.open_error = Some(self.open_failed(error)),
            StreamEvent::Opened { .. } => self.answer(Ok(())),
            // The rows stay on disk until the outage ends.
            StreamEvent::Reconnecting { reason, .. } if self.is_spooled && !reason.fault().rejects_the_token() => {
                self.answer(Ok(()));
            }
            _ => {}
        }
    }

    /// Completes `open`, unless it was completed before.
    fn answer(&mut self, answer: Result<(), Error>) {
        if let Some(first_open) = self.first_open.take() {
            // The caller may have been dropped meanwhile; the stream then closes on its own.
            let _ = first_open.send(answer);
        }
    }

    /// The error of an `open` that has failed: where, after how many attempts, and why.
    fn open_failed(&self, error: &Error) -> Error {
        let (attempts, cause) = match error.fault() {
            // Nothing was attempted.
            Fault::Thread { .. } => return error.clone(),
            Fault::GaveUp { attempts, cause } => (*attempts, cause),
            _ => (self.shared.lock().session.failures() + 1, error),
        };
        let (table, endpoint) = (self.table.to_string(), self.transport.endpoint.to_string());
        Fault::OpenFailed { table, endpoint, attempts, cause: cause.clone() }.into()
    }
}

impl Calls {
    /// Sets the current call aside to drain. Returns its connection if the next call must use it.
    fn make_way(&mut self, over: Over) -> Option<Channel> {
        if let Current::Open(call) = std::mem::replace(&mut self.current, Current::None) {
            self.draining = Some(call);
        }
        let channel = self.draining.as_ref().map(|call| call.channel().clone());
        channel.filter(|_| over == Over::SameConnection)
    }

    /// Drops a call.
    fn reset(&mut self, generation: u64) {
        match &self.current {
            Current::Open(call) if call.generation() == generation => self.current = Current::None,
            Current::Opening { generation: opening, .. } if *opening == generation => self.current = Current::None,
            _ => {}
        }
        if self.draining.as_ref().is_some_and(|call| call.generation() == generation) {
            self.draining = None;
        }
    }

    /// The next event of any call; pending forever if there is no call.
    async fn next(&mut self) -> (u64, Heard) {
        loop {
            let said = tokio::select! {
                biased;
                heard = next_of(self.draining.as_deref_mut()) => Some(heard),
                heard = self.current.next() => heard,
            };
            let Some((generation, heard)) = said else { continue };
            if matches!(heard, Heard::Ended(_)) {
                self.reset(generation);
            }
            return (generation, heard);
        }
    }
}

impl Current {
    /// The next event of the call; `None` if it has just started.
    async fn next(&mut self) -> Option<(u64, Heard)> {
        match self {
            Self::None => std::future::pending().await,
            Self::Open(call) => Some(next_of(Some(call)).await),
            Self::Opening { generation, opening } => match opening.await {
                Ok(call) => {
                    *self = Self::Open(Box::new(call));
                    None
                }
                Err(error) => Some((*generation, Heard::Ended(Some(error)))),
            },
        }
    }
}

async fn next_of(call: Option<&mut Call>) -> (u64, Heard) {
    match call {
        Some(call) => (call.generation(), call.next().await),
        None => std::future::pending().await,
    }
}

/// Settles the remaining rows when the task ends, in particular when a runtime shuts down and drops it.
pub(crate) struct DriverGuard {
    shared: Arc<Shared>,
    /// Takes over the rows if the stream gives up.
    pub(crate) heir: Option<Arc<dyn Heir>>,
}

impl DriverGuard {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared, heir: None }
    }
}

impl Drop for DriverGuard {
    fn drop(&mut self) {
        let fault = if std::thread::panicking() { Fault::Panicked } else { Fault::ShutDown };
        // No effect if the stream ended normally.
        self.shared.fail(fault.into());
        if let Some(heir) = &self.heir {
            heir.inherit();
        }
        self.shared.report_loss();
    }
}
