//! A session, the calls that it believes it has, and a model of the rows that the server has made durable.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// A session, the calls that it believes it has, and the state of the server.
pub(super) struct World {
    pub(super) session: Session,
    pub(super) now: Duration,
    /// By generation: the calls that are being opened, are open, or drain.
    pub(super) calls: BTreeMap<u64, Call>,
    pub(super) durable: BTreeSet<u64>,
    pub(super) accepted: u64,
    /// The bytes of rows from another stream, which need no room.
    pub(super) adopted_bytes: usize,
    /// The server refuses the last of this many rows.
    pub(super) poison: u64,
    /// The server acknowledges nothing when it refuses.
    pub(super) lags: bool,
    /// How long the server takes to answer.
    pub(super) latency: Duration,
    /// The events that the session reported.
    pub(super) reported: Vec<StreamEvent>,
}

/// The server's side of a call.
#[derive(Default)]
pub(super) struct Call {
    pub(super) is_open: bool,
    pub(super) was_asked_to_close: bool,
    /// The rows of each request, in its order.
    pub(super) received: Vec<Vec<u64>>,
    pub(super) kept: usize,
    pub(super) last_ack: i64,
    pub(super) half_closed: bool,
    /// How it was opened.
    #[cfg_attr(not(feature = "spool"), expect(dead_code, reason = "persistent streams need the spool"))]
    pub(super) begin: Option<Begin>,
}

/// A time whose end is beyond the clock's range.
pub(super) const NO_END: Duration = Duration::MAX;

/// The number of no row.
pub(super) const NEVER: u64 = u64::MAX;

pub(super) fn settings(linger: Duration) -> Settings {
    let mut settings = Settings::new("main.test.rows", RecordKind::Proto);
    settings.max_batch_bytes = 100;
    settings.max_batch_rows = 7;
    settings.max_unacked_bytes = 1000;
    settings.linger = linger;
    settings.fast_bytes = 60;
    settings.fast_wait = Duration::from_millis(10);
    settings.ack_timeout = Some(Duration::from_secs(20));
    settings.max_rejected_rows = 1000;
    settings
}

/// A row that holds its number, and this many bytes after it.
fn row(n: u64, bytes: usize) -> Vec<u8> {
    let mut row = Vec::new();
    prost::encoding::encode_varint(n, &mut row);
    row.resize(row.len() + bytes, 0);
    row
}

impl World {
    pub(super) fn new(settings: Settings, seed: u64, poison: u64) -> Self {
        let session = Session::new(settings, fastrand::Rng::with_seed(seed), Duration::ZERO);
        let mut world = Self {
            session,
            now: Duration::ZERO,
            calls: BTreeMap::new(),
            durable: BTreeSet::new(),
            accepted: 0,
            adopted_bytes: 0,
            poison,
            lags: false,
            latency: Duration::ZERO,
            reported: Vec::new(),
        };
        world.act();
        world
    }

    pub(super) fn step(&mut self, step: &Step) {
        match *step {
            Step::Push { rows, bytes } => (0..rows).for_each(|_| self.push(bytes)),
            Step::Pull { requests } => (0..requests).for_each(|_| self.pull()),
            Step::Open => self.open(),
            Step::Keep { part, says } => self.keep(self.newest(), part, says),
            Step::KeepDrained { part } => self.keep(self.drained(), part, true),
            Step::RepeatAck => self.repeat_ack(),
            Step::BogusAck(offset) => self.bogus_ack(offset),
            Step::AckWithoutOffset => self.say(self.newest(), Heard::Acked(None)),
            Step::CloseSignal { millis } => self.close_signal(Duration::from_millis(millis)),
            Step::End(ending) => self.end(self.newest(), ending),
            Step::EndDrained(ending) => self.end(self.drained(), ending),
            Step::Advance { millis } => {
                self.now += Duration::from_millis(millis);
                self.tick();
            }
            Step::Flush => {
                self.session.flush();
            }
            Step::Adopt { rows, bytes } => self.adopt(rows, bytes),
            Step::Close => {
                self.session.close(self.now);
                self.act();
            }
        }
        self.check();
    }

    /// The call that was opened last, if it is still there.
    pub(super) fn newest(&self) -> Option<u64> {
        self.calls.iter().next_back().filter(|(_, call)| !call.was_asked_to_close).map(|(generation, _)| *generation)
    }

    /// The call that was asked to close, if there is one.
    pub(super) fn drained(&self) -> Option<u64> {
        self.calls.iter().find(|(_, call)| call.was_asked_to_close).map(|(generation, _)| *generation)
    }

    pub(super) fn call(&self, generation: Option<u64>) -> Option<&Call> {
        self.calls.get(&generation?)
    }

    pub(super) fn is_open(&self) -> bool {
        self.call(self.newest()).is_some_and(|call| call.is_open)
    }

    pub(super) fn push(&mut self, bytes: usize) {
        let (n, now) = (self.accepted, self.now);
        let row = row(n, bytes);
        match self.session.push(
            || now,
            Persisted::No,
            |out| {
                out.raw(&row);
                Ok(())
            },
        ) {
            Ok(offset) => {
                assert_eq!(offset.value(), n, "offsets have no gap and never start anew");
                self.accepted += 1;
            }
            Err(Refused::Full | Refused::Closed | Refused::Failed(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
        self.act();
    }

    /// Takes rows that another stream could not deliver.
    pub(super) fn adopt(&mut self, rows: u8, bytes: usize) {
        let numbers = self.accepted..self.accepted + u64::from(rows);
        let reason = status(13, "oh");
        let batch = |n| Batch::of_row(0, &row(n, bytes), Persisted::Possibly);
        let parts = numbers.map(|n| ReturnedBatch { batch: batch(n), reason: reason.clone() });
        let parts: Vec<_> = parts.collect();
        self.adopted_bytes += parts.iter().map(|part| part.batch.body.len()).sum::<usize>();
        assert_eq!(self.session.adopt(self.now, parts).value(), self.accepted);
        self.accepted += u64::from(rows);
        self.act();
    }

    /// Every call polls for its next request.
    pub(super) fn pull(&mut self) {
        let Some(first) = self.calls.keys().next().copied() else { return };
        assert_eq!(self.session.pull(self.now, first.wrapping_sub(1)), Pull::End, "an older call gets nothing");
        assert!(self.session.can_pull(first.wrapping_sub(1)), "and is woken to hear of it");
        for generation in self.calls.keys().copied().collect::<Vec<_>>() {
            let is_due = self.session.deadline().is_some_and(|at| at <= self.now);
            let can_pull = self.session.can_pull(generation);
            let pulled = self.session.pull(self.now, generation);
            assert!(!can_pull || pulled != Pull::Idle, "whoever is woken gets something");
            assert!(can_pull || is_due || pulled == Pull::Idle, "who would get something is woken: {pulled:?}");
            let Some(call) = self.calls.get_mut(&generation) else { continue };
            match pulled {
                Pull::Idle => {}
                Pull::End => {
                    call.half_closed = true;
                }
                Pull::Request(request) => {
                    assert!(call.is_open && !call.half_closed, "requests lie between creation and end");
                    assert!(!call.was_asked_to_close, "a call that drains gets no more rows");
                    let offset = i64::try_from(call.received.len()).unwrap();
                    assert_eq!(request.wire_offset, offset, "offsets on the wire are consecutive from 0");
                    let rows = rows_of(&request.body);
                    assert_eq!(rows.len(), request.rows as usize);
                    if let Some(last) = call.received.iter().flatten().last() {
                        assert_eq!(rows[0], last + 1, "rows keep their order on a call");
                    }
                    assert!(rows.windows(2).all(|pair| pair[1] == pair[0] + 1));
                    call.received.push(rows);
                    self.check_that_calls_do_not_mix();
                }
            }
        }
    }

    /// A row is sent on the next call only when all rows of the call before are acknowledged or lost.
    pub(super) fn check_that_calls_do_not_mix(&self) {
        let (Some(drained), Some(newest)) = (self.call(self.drained()), self.call(self.newest())) else { return };
        if !newest.received.is_empty() {
            assert_eq!(i64::try_from(drained.received.len()).unwrap() - 1, drained.last_ack, "the call before is done");
        }
    }

    pub(super) fn open(&mut self) {
        let Some(generation) = self.newest() else { return };
        let Some(call) = self.calls.get_mut(&generation).filter(|call| !call.is_open) else { return };
        (call.is_open, call.last_ack) = (true, -1);
        self.say(Some(generation), Heard::Opened(Arc::from("s")));
    }

    /// The server makes part of a call's received rows durable, up to the first row that it refuses.
    pub(super) fn keep(&mut self, generation: Option<u64>, part: f64, says: bool) {
        let (poison, lags) = (self.poison, self.lags);
        let Some(call) = generation.and_then(|generation| self.calls.get_mut(&generation)) else { return };
        let fresh = call.received.len() - call.kept;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            clippy::cast_possible_truncation,
            reason = "small"
        )]
        let count = (fresh as f64 * part).round() as usize;
        let until = call.kept + count;
        let is_bad = |rows: &Vec<u64>| rows.iter().any(|row| row % poison == poison - 1);
        let poisoned = call.received[call.kept..until].iter().position(is_bad);
        let good = poisoned.map_or(until, |poisoned| call.kept + poisoned);
        self.durable.extend(call.received[call.kept..good].iter().flatten());
        call.kept = good;
        let acked = i64::try_from(call.kept).unwrap() - 1;
        if says && acked >= 0 && !(lags && poisoned.is_some()) {
            call.last_ack = acked;
            self.say(generation, Heard::Acked(Some(acked)));
        }
        if poisoned.is_some() {
            self.end(generation, Ending::Rejected);
        }
    }

    pub(super) const fn is_poison(&self, row: u64) -> bool {
        row % self.poison == self.poison - 1
    }

    pub(super) fn repeat_ack(&mut self) {
        let newest = self.newest();
        if let Some(last) = self.call(newest).map(|call| call.last_ack).filter(|last| *last >= 0) {
            self.say(newest, Heard::Acked(Some(last)));
        }
    }

    pub(super) fn bogus_ack(&mut self, offset: i64) {
        let newest = self.newest();
        let Some(call) = self.call(newest).filter(|call| call.is_open) else { return };
        let sent = i64::try_from(call.received.len()).unwrap();
        if offset >= call.last_ack && offset < sent {
            // Such an acknowledgement cannot be distinguished from a true one.
            return;
        }
        let durable = self.session.ledger().durable;
        self.say(newest, Heard::Acked(Some(offset)));
        assert_eq!(self.session.ledger().durable, durable, "a bogus acknowledgement is not believed");
        assert!(!self.calls.contains_key(&newest.unwrap()), "and the call is not trusted further");
    }

    pub(super) fn close_signal(&mut self, grace: Duration) {
        let Some(generation) = self.newest().filter(|_| self.is_open()) else { return };
        if let Some(call) = self.calls.get_mut(&generation) {
            call.was_asked_to_close = true;
        }
        self.say(Some(generation), Heard::CloseSignal(grace));
    }

    pub(super) fn end(&mut self, generation: Option<u64>, ending: Ending) {
        let Some(generation) = generation.filter(|generation| self.calls.remove(generation).is_some()) else { return };
        let error = match ending {
            Ending::Ok => None,
            Ending::Internal => Some(status(13, "oh")),
            Ending::StreamTimeout => Some(status(14, "age. Error Code: 6002, Error State: 1.")),
            Ending::Blocked => Some(status(8, "slow down. Error Code: 6006, Error State: 1.")),
            Ending::Unauthenticated => Some(status(16, "who?")),
            Ending::Rejected => Some(status(3, "a record does not decode. Error Code: 4044, Error State: 1.")),
            Ending::PermissionDenied => Some(status(7, "no. Error Code: 3, Error State: 1.")),
        };
        self.session.hear(self.now, generation, Heard::Ended(error));
        self.act();
    }

    pub(super) fn say(&mut self, generation: Option<u64>, heard: Heard) {
        let is_open = self.call(generation).is_some_and(|call| call.is_open);
        if let Some(generation) = generation.filter(|_| is_open) {
            self.session.hear(self.now, generation, heard);
            self.act();
        }
    }

    pub(super) fn tick(&mut self) {
        self.session.tick(self.now);
        self.act();
    }

    pub(super) fn act(&mut self) {
        while let Some(action) = self.session.next_action() {
            match action {
                Action::Open { generation, over, begin, .. } => {
                    assert!(self.calls.len() <= 1, "at most two calls at a time");
                    let has_connection = self.calls.values().any(|call| call.is_open);
                    assert!(over == Over::NewConnection || has_connection, "there is a connection to go on with");
                    self.calls.insert(generation, Call { begin: Some(begin), ..Call::default() });
                }
                Action::Reset { generation } => {
                    self.calls.remove(&generation);
                }
                Action::Stop => assert!(self.session.is_over() && self.calls.is_empty()),
                Action::Tell(event) => self.reported.push(event),
            }
        }
    }

    pub(super) fn check(&self) {
        let ledger = self.session.ledger();
        assert_eq!(ledger.accepted, self.accepted);
        assert_eq!(ledger.accepted, ledger.durable + ledger.returned + ledger.in_flight());
        let mut durable = 0;
        for row in 0..self.session.delivered() {
            match self.session.outcome(row).unwrap() {
                Ok(()) => {
                    assert!(self.durable.contains(&row), "row {row} is said to be durable, and the server has it not");
                    durable += 1;
                }
                Err(error) => assert!(self.is_poison(row), "row {row} is good, and returned: {error}"),
            }
        }
        assert_eq!(durable, ledger.durable);
        assert!(self.session.unacked_bytes() <= 1000 + self.adopted_bytes, "memory is bounded");
        if ledger.in_flight() > 0 && self.session.settings().delivery_timeout.is_some_and(|time| time < NO_END) {
            assert!(self.session.deadline().is_some(), "rows are in flight and no time is set at which this ends");
        }
    }

    /// From here on the network and the server behave, and the session is closed.
    pub(super) fn heal(&mut self) {
        self.session.close(self.now);
        self.act();
        for _ in 0..2000 {
            if self.session.is_over() {
                return;
            }
            self.open();
            for _ in 0..50 {
                self.pull();
            }
            for generation in self.calls.keys().copied().collect::<Vec<_>>() {
                self.keep(Some(generation), 1.0, true);
                if self.call(Some(generation)).is_some_and(|call| call.half_closed) {
                    self.end(Some(generation), Ending::Ok);
                }
            }
            if let Some(at) = self.session.deadline().filter(|_| !self.is_open()) {
                self.now = self.now.max(at);
                self.tick();
            }
            self.check();
        }
        panic!("a closed session does not end: {:?}", self.session);
    }

    /// Every accepted row is durable or returned, and its reported state is true.
    pub(super) fn settle(&mut self) {
        let returned = self.session.take_returned();
        assert_eq!(returned.is_empty(), self.session.ledger().returned == 0);
        let mut last = None;
        let mut settled = self.session.ledger().durable;
        for ReturnedBatch { batch, .. } in &returned {
            let rows: Vec<u64> = batch.records().map(|record| number(&record)).collect();
            assert_eq!(rows, (batch.first..batch.first + u64::from(batch.rows)).collect::<Vec<_>>());
            assert!(last < Some(batch.first), "returned rows are in order");
            last = rows.last().copied();
            if batch.attempts == 0 {
                assert!(rows.iter().all(|row| !self.durable.contains(row)), "said never to have left, and is there");
            }
            settled += u64::from(batch.rows);
        }
        assert_eq!(settled, self.accepted, "every accepted row is durable or returned");
        if self.session.error().is_none() {
            assert!((0..self.accepted).all(|row| self.is_poison(row) != self.durable.contains(&row)));
        }
    }
}

pub(super) fn rows_of(body: &bytes::Bytes) -> Vec<u64> {
    let batch = Batch {
        sequence: 0,
        body: body.clone(),
        first: 0,
        rows: 0,
        since: Duration::ZERO,
        sent_at: Duration::ZERO,
        attempts: 0,
        schema: 0,
    };
    batch.records().map(|record| number(&record)).collect()
}

pub(super) fn number(mut record: &[u8]) -> u64 {
    prost::encoding::decode_varint(&mut record).unwrap()
}

pub(in super::super) fn status(code: i32, message: &str) -> Error {
    let (name, table) = ("status", "main.test.rows".to_owned());
    Fault::Status(Status { code, name, message: message.to_owned(), table, details: Details::default(), source: None })
        .into()
}

/// A session with an open call, and rows in it.
pub(super) fn streaming(rows: u8) -> World {
    let mut world = World::new(settings(Duration::ZERO), 7, NEVER);
    world.open();
    world.step(&Step::Push { rows, bytes: 10 });
    world
}

impl World {
    /// What the current call has received, request by request.
    pub(super) fn received(&self) -> &[Vec<u64>] {
        &self.call(self.newest()).unwrap().received
    }

    pub(super) fn last_request(&self) -> &[u64] {
        self.received().last().unwrap()
    }
}

pub(super) fn advance(world: &mut World, seconds: u64) {
    world.step(&Step::Advance { millis: seconds * 1000 });
}
