//! The core against generated sequences of events, and a model of what the server has made durable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::error::{Details, Error, Fault, Status};
use crate::offset::Offset;
use crate::persisted::Persisted;
use crate::record_kind::RecordKind;

mod calls;
mod rows;

/// One thing that happens to a session.
#[derive(Debug, Clone)]
enum Step {
    Push {
        rows: u8,
        bytes: usize,
    },
    Pull {
        requests: u8,
    },
    Open,
    /// The server makes this part of what it has received durable, and says so, or does not.
    Keep {
        part: f64,
        says: bool,
    },
    RepeatAck,
    BogusAck(i64),
    AckWithoutOffset,
    CloseSignal {
        millis: u64,
    },
    End(Ending),
    /// The call that drains comes to its end.
    EndDrained(Ending),
    /// The server makes this part of what the call that drains has received durable, and says so.
    KeepDrained {
        part: f64,
    },
    Advance {
        millis: u64,
    },
    Flush,
}

#[derive(Debug, Clone, Copy)]
enum Ending {
    Ok,
    Internal,
    StreamTimeout,
    Blocked,
    Unauthenticated,
    PermissionDenied,
    Rejected,
}

fn step() -> impl Strategy<Value = Step> {
    let ending = || {
        prop_oneof![
        8 => Just(Ending::Ok),
        8 => Just(Ending::Internal),
        4 => Just(Ending::StreamTimeout),
        2 => Just(Ending::Blocked),
        2 => Just(Ending::Unauthenticated),
        1 => Just(Ending::PermissionDenied),
        ]
    };
    prop_oneof![
        10 => (1_u8..20, 0_usize..60).prop_map(|(rows, bytes)| Step::Push { rows, bytes }),
        10 => (1_u8..6).prop_map(|requests| Step::Pull { requests }),
        6 => Just(Step::Open),
        10 => (0.0..=1.0, prop::bool::weighted(0.8)).prop_map(|(part, says)| Step::Keep { part, says }),
        1 => Just(Step::RepeatAck),
        1 => (-3_i64..50).prop_map(Step::BogusAck),
        1 => Just(Step::AckWithoutOffset),
        2 => (0_u64..5000).prop_map(|millis| Step::CloseSignal { millis }),
        2 => ending().prop_map(Step::End),
        1 => ending().prop_map(Step::EndDrained),
        3 => (0.0..=1.0).prop_map(|part| Step::KeepDrained { part }),
        4 => prop_oneof![0_u64..500, 500_u64..20_000].prop_map(|millis| Step::Advance { millis }),
        1 => Just(Step::Flush),
    ]
}

/// A session, the calls that it believes to have, and what the server knows.
struct World {
    session: Session,
    now: Duration,
    /// By generation: the calls that are being opened, are open, or drain.
    calls: BTreeMap<u64, Call>,
    durable: BTreeSet<u64>,
    accepted: u64,
    /// The server refuses the last of this many rows.
    poison: u64,
    /// The server acknowledges nothing when it refuses.
    lags: bool,
    /// How long the server takes to answer.
    latency: Duration,
}

/// The server's side of a call.
#[derive(Default)]
struct Call {
    is_open: bool,
    was_asked_to_close: bool,
    /// The rows of each request, in its order.
    received: Vec<Vec<u64>>,
    kept: usize,
    last_ack: i64,
    half_closed: bool,
}

/// A time that ends beyond all time.
const NO_END: Duration = Duration::MAX;

/// No row is this one.
const NEVER: u64 = u64::MAX;

fn settings(linger: Duration) -> Settings {
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

impl World {
    fn new(settings: Settings, seed: u64, poison: u64) -> Self {
        let session = Session::new(settings, fastrand::Rng::with_seed(seed), Duration::ZERO);
        let mut world = Self {
            session,
            now: Duration::ZERO,
            calls: BTreeMap::new(),
            durable: BTreeSet::new(),
            accepted: 0,
            poison,
            lags: false,
            latency: Duration::ZERO,
        };
        world.act();
        world
    }

    fn step(&mut self, step: &Step) {
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
        }
        self.check();
    }

    /// The call that was opened last, if it is there.
    fn newest(&self) -> Option<u64> {
        self.calls.iter().next_back().filter(|(_, call)| !call.was_asked_to_close).map(|(generation, _)| *generation)
    }

    /// The call that was asked to close, if there is one.
    fn drained(&self) -> Option<u64> {
        self.calls.iter().find(|(_, call)| call.was_asked_to_close).map(|(generation, _)| *generation)
    }

    fn call(&self, generation: Option<u64>) -> Option<&Call> {
        self.calls.get(&generation?)
    }

    fn is_open(&self) -> bool {
        self.call(self.newest()).is_some_and(|call| call.is_open)
    }

    fn push(&mut self, bytes: usize) {
        let (n, now) = (self.accepted, self.now);
        let mut row = Vec::new();
        prost::encoding::encode_varint(n, &mut row);
        row.resize(row.len() + bytes, 0);
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

    /// Every call asks for what it is to send.
    fn pull(&mut self) {
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

    /// A row goes on the next call only when all of the call before are acknowledged or lost.
    fn check_that_calls_do_not_mix(&self) {
        let (Some(drained), Some(newest)) = (self.call(self.drained()), self.call(self.newest())) else { return };
        if !newest.received.is_empty() {
            assert_eq!(i64::try_from(drained.received.len()).unwrap() - 1, drained.last_ack, "the call before is done");
        }
    }

    fn open(&mut self) {
        let Some(generation) = self.newest() else { return };
        let Some(call) = self.calls.get_mut(&generation).filter(|call| !call.is_open) else { return };
        (call.is_open, call.last_ack) = (true, -1);
        self.say(Some(generation), Heard::Opened(Arc::from("s")));
    }

    /// The server makes a part of what a call has received durable, up to the first row that it refuses.
    fn keep(&mut self, generation: Option<u64>, part: f64, says: bool) {
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

    const fn is_poison(&self, row: u64) -> bool {
        row % self.poison == self.poison - 1
    }

    fn repeat_ack(&mut self) {
        let newest = self.newest();
        if let Some(last) = self.call(newest).map(|call| call.last_ack).filter(|last| *last >= 0) {
            self.say(newest, Heard::Acked(Some(last)));
        }
    }

    fn bogus_ack(&mut self, offset: i64) {
        let newest = self.newest();
        let Some(call) = self.call(newest).filter(|call| call.is_open) else { return };
        let sent = i64::try_from(call.received.len()).unwrap();
        if offset >= call.last_ack && offset < sent {
            // Nobody can tell such an acknowledgement from a true one.
            return;
        }
        let durable = self.session.ledger().durable;
        self.say(newest, Heard::Acked(Some(offset)));
        assert_eq!(self.session.ledger().durable, durable, "a bogus acknowledgement is not believed");
        assert!(!self.calls.contains_key(&newest.unwrap()), "and the call is not trusted further");
    }

    fn close_signal(&mut self, grace: Duration) {
        let Some(generation) = self.newest().filter(|_| self.is_open()) else { return };
        if let Some(call) = self.calls.get_mut(&generation) {
            call.was_asked_to_close = true;
        }
        self.say(Some(generation), Heard::CloseSignal(grace));
    }

    fn end(&mut self, generation: Option<u64>, ending: Ending) {
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

    fn say(&mut self, generation: Option<u64>, heard: Heard) {
        let is_open = self.call(generation).is_some_and(|call| call.is_open);
        if let Some(generation) = generation.filter(|_| is_open) {
            self.session.hear(self.now, generation, heard);
            self.act();
        }
    }

    fn tick(&mut self) {
        self.session.tick(self.now);
        self.act();
    }

    fn act(&mut self) {
        while let Some(action) = self.session.next_action() {
            match action {
                Action::Open { generation, over, .. } => {
                    assert!(self.calls.len() <= 1, "at most two calls at a time");
                    let has_connection = self.calls.values().any(|call| call.is_open);
                    assert!(over == Over::NewConnection || has_connection, "there is a connection to go on with");
                    self.calls.insert(generation, Call::default());
                }
                Action::Reset { generation } => {
                    self.calls.remove(&generation);
                }
                Action::Stop => assert!(self.session.is_over() && self.calls.is_empty()),
                Action::Tell(_) => {}
            }
        }
    }

    fn check(&self) {
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
        assert!(self.session.unacked_bytes() <= 1000, "memory is bounded");
        if ledger.in_flight() > 0 && self.session.settings().delivery_timeout.is_some_and(|time| time < NO_END) {
            assert!(self.session.deadline().is_some(), "rows are in flight and no time is set at which this ends");
        }
    }

    /// From here on the network and the server behave, and the session is closed.
    fn heal(&mut self) {
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

    /// Every accepted row is durable or returned, and what is said of it is true.
    fn settle(&mut self) {
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

fn rows_of(body: &bytes::Bytes) -> Vec<u64> {
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

fn number(mut record: &[u8]) -> u64 {
    prost::encoding::decode_varint(&mut record).unwrap()
}

pub(super) fn status(code: i32, message: &str) -> Error {
    let (name, table) = ("status", "main.test.rows".to_owned());
    Fault::Status(Status { code, name, message: message.to_owned(), table, details: Details::default(), source: None })
        .into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn every_accepted_row_ends_durable_or_returned(
        steps in prop::collection::vec(step(), 0..120),
        seed: u64,
        linger in prop_oneof![Just(0_u64), Just(50)],
        poison in prop_oneof![Just(NEVER), 2_u64..100],
        lags: bool,
    ) {
        let mut world = World::new(settings(Duration::from_millis(linger)), seed, poison);
        world.lags = lags;
        for step in &steps {
            world.step(step);
        }
        world.heal();
        world.settle();
    }
}

/// A session with an open call, and rows in it.
fn streaming(rows: u8) -> World {
    let mut world = World::new(settings(Duration::ZERO), 7, NEVER);
    world.open();
    world.step(&Step::Push { rows, bytes: 10 });
    world
}

impl World {
    /// What the current call has received, request by request.
    fn received(&self) -> &[Vec<u64>] {
        &self.call(self.newest()).unwrap().received
    }

    fn last_request(&self) -> &[u64] {
        self.received().last().unwrap()
    }
}

fn advance(world: &mut World, seconds: u64) {
    world.step(&Step::Advance { millis: seconds * 1000 });
}

#[test]
fn a_lone_row_goes_at_once_and_rows_gather_while_the_transport_is_busy() {
    let mut world = streaming(1);
    world.pull();
    assert_eq!(world.received(), [[0]]);
    world.step(&Step::Push { rows: 5, bytes: 1 });
    world.pull();
    assert_eq!(world.received()[1], [1, 2, 3, 4, 5]);
}

#[test]
fn a_row_that_came_while_the_transport_looked_at_the_clock_goes_at_once() {
    let mut world = World::new(settings(Duration::ZERO), 7, NEVER);
    world.open();
    advance(&mut world, 1);
    world.step(&Step::Push { rows: 1, bytes: 1 });
    let generation = world.newest().unwrap();
    assert!(matches!(world.session.pull(Duration::ZERO, generation), Pull::Request(_)));
}

#[test]
fn linger_gathers_until_its_end_or_a_flush() {
    let mut world = World::new(settings(Duration::from_secs(1)), 7, NEVER);
    world.open();
    world.step(&Step::Push { rows: 1, bytes: 1 });
    world.pull();
    assert!(world.received().is_empty());
    assert_eq!(world.session.deadline(), Some(Duration::from_secs(1)));
    advance(&mut world, 1);
    world.pull();
    assert_eq!(world.received(), [[0]]);
    world.step(&Step::Push { rows: 1, bytes: 1 });
    world.step(&Step::Flush);
    world.pull();
    assert_eq!(world.received()[1], [1]);
}

#[test]
fn a_full_batch_goes_whatever_the_linger_and_a_row_that_does_not_fit_begins_the_next() {
    let mut world = World::new(settings(Duration::from_secs(9)), 7, NEVER);
    world.open();
    world.step(&Step::Push { rows: 7, bytes: 1 });
    world.pull();
    assert_eq!(world.received(), [[0, 1, 2, 3, 4, 5, 6]], "by its rows");
    world.step(&Step::Push { rows: 3, bytes: 30 });
    world.pull();
    assert_eq!(world.last_request(), [7, 8, 9], "by its bytes, and the guess for the next row");
    world.step(&Step::Push { rows: 1, bytes: 10 });
    world.step(&Step::Push { rows: 1, bytes: 90 });
    world.pull();
    world.pull();
    assert_eq!(world.received()[2..], [[10], [11]], "the longer row does not fit behind the shorter");
}

/// A session with an open call, to which rows came so fast that a batch waits for more; one of them waits.
fn fast() -> World {
    let mut world = streaming(7);
    for rows in [7, 1] {
        world.step(&Step::Advance { millis: 5 });
        world.step(&Step::Push { rows, bytes: 10 });
        world.step(&Step::Pull { requests: 9 });
    }
    assert_eq!(world.received().concat(), (0..14).collect::<Vec<_>>());
    world
}

#[test]
fn where_rows_come_fast_a_batch_waits_until_it_is_full() {
    let mut world = fast();
    world.step(&Step::Push { rows: 5, bytes: 10 });
    world.pull();
    assert_eq!(world.received().concat().len(), 14);
    world.step(&Step::Push { rows: 1, bytes: 10 });
    world.pull();
    assert_eq!(world.last_request(), &[14, 15, 16, 17, 18, 19, 20]);
}

#[test]
fn where_rows_came_fast_and_come_no_more_a_batch_goes_after_a_short_wait() {
    let mut world = fast();
    assert_eq!(world.session.deadline(), Some(world.now + Duration::from_millis(10)));
    world.step(&Step::Advance { millis: 10 });
    world.pull();
    assert_eq!(world.last_request(), &[14]);
    advance(&mut world, 1);
    world.step(&Step::Push { rows: 1, bytes: 1 });
    world.pull();
    assert_eq!(world.last_request(), &[15], "a row after a pause");
}

#[test]
fn a_row_that_somebody_waits_for_does_not_wait_for_others() {
    let mut world = fast();
    world.session.expect(13);
    world.pull();
    assert_eq!(world.received().concat().len(), 14, "row 13 is on its way");
    world.session.expect(14);
    assert!(world.session.can_pull(world.newest().unwrap()));
    world.pull();
    assert_eq!(world.last_request(), &[14]);
}

#[test]
fn the_delivery_timeout_returns_rows_and_says_why() {
    let mut world = streaming(3);
    world.end(world.newest(), Ending::Internal);
    while !world.session.is_over() {
        world.now = world.session.deadline().unwrap();
        world.tick();
    }
    assert_eq!(world.session.ledger().returned, 3);
    let error = world.session.error().unwrap();
    assert_eq!(error.cause().map(Error::kind), Some(crate::ErrorKind::Timeout), "{error}");
    assert!(world.now <= Duration::from_secs(301));
}

#[test]
fn a_call_whose_timeout_ends_the_session_is_dropped() {
    let mut settings = settings(Duration::ZERO);
    settings.max_first_attempts = Some(1);
    let mut world = World::new(settings, 7, NEVER);
    advance(&mut world, 30);
    assert!(world.session.is_over());
    assert!(world.calls.is_empty(), "the call that never opened");
}

#[test]
fn without_a_delivery_timeout_an_outage_of_a_day_ends_nothing() {
    let mut settings = settings(Duration::ZERO);
    settings.delivery_timeout = None;
    settings.max_attempts = None;
    let mut world = World::new(settings, 7, NEVER);
    world.open();
    world.step(&Step::Push { rows: 3, bytes: 10 });
    world.end(world.newest(), Ending::Internal);
    while world.now < Duration::from_secs(24 * 3600) {
        world.now = world.session.deadline().unwrap();
        world.tick();
        world.end(world.newest(), Ending::Internal);
    }
    assert!(!world.session.is_over());
    world.heal();
    assert_eq!(world.durable.len(), 3);
}

#[test]
fn a_time_without_end_is_no_time_at_all() {
    let mut settings = settings(Duration::MAX);
    settings.delivery_timeout = Some(Duration::MAX);
    settings.ack_timeout = Some(Duration::MAX);
    settings.open_timeout = Some(Duration::MAX);
    settings.end_timeout = Duration::MAX;
    (settings.backoff_min, settings.backoff_max) = (Duration::MAX, Duration::MAX);
    let mut world = World::new(settings, 7, NEVER);
    world.now = Duration::from_secs(1);
    world.open();
    world.step(&Step::Push { rows: 2, bytes: 1 });
    world.step(&Step::Flush);
    world.pull();
    assert_eq!(world.session.deadline(), None);
    world.close_signal(Duration::MAX);
    world.end(world.drained(), Ending::Internal);
    world.end(world.newest(), Ending::Internal);
    advance(&mut world, 1_000_000);
    assert!(!world.session.is_over());
}

#[test]
fn code_6006_waits_a_minute_and_6002_does_not_wait() {
    let mut world = streaming(1);
    world.end(world.newest(), Ending::Blocked);
    assert!(world.session.deadline().unwrap() >= Duration::from_secs(60));
    let mut world = streaming(1);
    world.end(world.newest(), Ending::StreamTimeout);
    world.tick();
    assert!(world.newest().is_some(), "a new call is being opened");
}

/// A session with a call on which a hundred rows are in flight, of which every fiftieth is refused.
fn poisoned() -> World {
    let mut settings = settings(Duration::ZERO);
    settings.max_unacked_bytes = 1_000_000;
    let mut world = World::new(settings, 7, 50);
    world.open();
    for _ in 0..20 {
        (0..5).for_each(|_| world.push(1));
        world.pull();
    }
    world
}

/// Serves until nothing is left; how many calls there were.
fn serve(world: &mut World) -> u32 {
    let mut calls = 0;
    for _ in 0..5000 {
        if let Some(at) = world.session.deadline().filter(|_| world.newest().is_none()) {
            world.now = world.now.max(at);
            world.tick();
        }
        calls += u32::from(!world.is_open() && world.newest().is_some());
        world.open();
        (0..200).for_each(|_| world.pull());
        world.now += world.latency;
        world.keep(world.newest(), 1.0, true);
        if world.session.ledger().in_flight() == 0 {
            return calls;
        }
    }
    panic!("rows are left: {:?}", world.session);
}

#[test]
fn a_row_that_is_refused_is_found_by_one_call_where_the_server_answers_fast_and_by_two_else() {
    // Row 49, and row 99, with nothing in flight behind it: so it is certain at once.
    for (latency, expected) in [(1, 2), (150, 3)] {
        let mut world = poisoned();
        world.latency = Duration::from_millis(latency);
        world.keep(world.newest(), 1.0, true);
        let calls = serve(&mut world);
        let returned: Vec<u64> = world.session.take_returned().iter().map(|part| part.batch.first).collect();
        assert_eq!((returned, world.durable.len()), (vec![49, 99], 98));
        assert_eq!(calls, expected, "with an answer after {latency} ms");
    }
}

#[test]
fn a_row_that_is_refused_is_found_where_nothing_is_acknowledged_before_it() {
    for latency in [1, 150] {
        let mut world = poisoned();
        (world.lags, world.latency) = (true, Duration::from_millis(latency));
        world.keep(world.newest(), 1.0, true);
        serve(&mut world);
        let returned: Vec<u64> = world.session.take_returned().iter().map(|part| part.batch.first).collect();
        assert_eq!((returned, world.durable.len()), (vec![49, 99], 98));
    }
}

#[test]
fn every_refusal_is_followed_by_a_pause() {
    let mut world = poisoned();
    world.keep(world.newest(), 1.0, true);
    assert!(world.newest().is_none(), "no call follows at once");
    let at = world.session.deadline().unwrap();
    assert!(at > world.now && at <= world.now + Duration::from_millis(250), "{at:?}");
}

#[test]
fn where_every_row_is_refused_the_stream_gives_up_after_few_calls() {
    let mut world = World::new(settings(Duration::ZERO), 7, 1);
    world.open();
    (0..20).for_each(|_| world.push(1));
    let mut calls = 0;
    while !world.session.is_over() {
        if let Some(at) = world.session.deadline().filter(|_| world.newest().is_none()) {
            world.now = at;
            world.tick();
        }
        calls += 1;
        world.open();
        (0..20).for_each(|_| world.pull());
        world.keep(world.newest(), 1.0, true);
        assert!(calls < 100);
    }
    assert!(calls <= 20, "{calls} calls");
    assert!(world.now > Duration::from_secs(60), "and not within {:?}", world.now);
}

#[test]
fn more_refused_rows_than_a_minute_may_have_end_the_stream_and_a_slow_trickle_does_not() {
    let mut settings = settings(Duration::ZERO);
    settings.max_rejected_rows = 3;
    for (pause, expected) in [(1, true), (30, false)] {
        let mut world = World::new(settings.clone(), 7, 10);
        world.open();
        for _ in 0..8 {
            (0..10).for_each(|_| world.push(1));
            if world.session.is_over() {
                break;
            }
            (0..20).for_each(|_| world.pull());
            world.keep(world.newest(), 1.0, true);
            if !world.session.is_over() && world.session.ledger().in_flight() > 0 {
                serve_or_fail(&mut world);
            }
            advance(&mut world, pause);
        }
        assert_eq!(world.session.is_over(), expected, "one refused row in {pause} seconds");
        if let Some(error) = world.session.error() {
            assert_eq!(error.kind(), crate::ErrorKind::Rejected, "{error}");
        }
    }
}

fn serve_or_fail(world: &mut World) {
    for _ in 0..100 {
        if world.session.is_over() || world.session.ledger().in_flight() == 0 {
            return;
        }
        if let Some(at) = world.session.deadline().filter(|_| world.newest().is_none()) {
            world.now = world.now.max(at);
            world.tick();
        }
        world.open();
        (0..50).for_each(|_| world.pull());
        world.keep(world.newest(), 1.0, true);
    }
}

#[test]
fn refused_rows_that_nobody_takes_leave_the_room_to_others() {
    let mut world = poisoned();
    world.keep(world.newest(), 1.0, true);
    serve(&mut world);
    assert_eq!((world.session.unacked_bytes(), world.session.room()), (0, 1_000_000));
    assert_eq!(world.session.take_rejected().len(), 2);
    assert!(world.session.take_returned().is_empty());
}

#[test]
fn an_idle_stream_needs_no_call_until_a_row_comes() {
    let mut world = streaming(0);
    world.end(world.newest(), Ending::Internal);
    assert_eq!((world.session.deadline(), world.newest()), (None, None));
    world.step(&Step::Push { rows: 1, bytes: 1 });
    assert!(world.newest().is_some());
    world.heal();
    assert_eq!(world.durable.len(), 1);
}

#[test]
fn after_a_close_signal_the_next_call_is_opened_at_once_and_gets_the_next_rows() {
    let mut world = streaming(1);
    world.pull();
    world.keep(world.newest(), 1.0, true);
    world.close_signal(Duration::from_secs(60));
    let (drained, newest) = (world.drained().unwrap(), world.newest().unwrap());
    assert!(newest > drained, "the next call is opened beside the one that drains");
    world.pull();
    assert!(world.call(Some(drained)).unwrap().half_closed, "all of it is acknowledged");
    world.open();
    world.step(&Step::Push { rows: 1, bytes: 1 });
    world.pull();
    assert_eq!(world.received(), [[1]], "without waiting for the server's end");
    world.heal();
    assert_eq!(world.durable.len(), 2);
}

#[test]
fn rows_of_a_call_that_drains_are_acknowledged_before_the_next_call_gets_any() {
    let mut world = streaming(2);
    world.pull();
    world.keep(world.newest(), 1.0, true);
    world.step(&Step::Push { rows: 1, bytes: 1 });
    world.pull();
    world.close_signal(Duration::from_secs(60));
    world.open();
    world.step(&Step::Push { rows: 1, bytes: 1 });
    world.pull();
    assert!(world.received().is_empty(), "row 2 is not acknowledged yet");
    world.keep(world.drained(), 1.0, true);
    world.pull();
    assert_eq!(world.received(), [[3]]);
}

#[test]
fn what_a_call_that_drains_leaves_unacknowledged_goes_on_the_next() {
    let mut world = streaming(2);
    world.pull();
    world.keep(world.newest(), 1.0, true);
    world.step(&Step::Push { rows: 2, bytes: 1 });
    world.pull();
    world.close_signal(Duration::from_secs(5));
    world.open();
    advance(&mut world, 5);
    world.pull();
    assert!(world.call(world.drained()).unwrap().half_closed, "the grace is over");
    world.end(world.drained(), Ending::Ok);
    world.pull();
    assert_eq!(world.received(), [[2, 3]]);
}

#[test]
fn a_server_that_asks_for_calls_and_makes_nothing_durable_is_a_failing_one() {
    let mut world = streaming(3);
    let mut calls = 0;
    while !world.session.is_over() {
        world.open();
        world.pull();
        calls += u32::from(world.is_open());
        world.close_signal(Duration::ZERO);
        world.end(world.drained(), Ending::Ok);
        if let Some(at) = world.session.deadline().filter(|_| !world.is_open()) {
            world.now = world.now.max(at);
            world.tick();
        }
        assert!(calls < 50);
    }
    assert!(calls <= 20, "{calls} calls");
    assert!(world.now > Duration::from_secs(10), "with pauses between them");
}

#[test]
fn a_server_that_acknowledges_slowly_and_steadily_is_not_given_up() {
    let mut world = streaming(0);
    for _ in 0..30 {
        world.step(&Step::Push { rows: 1, bytes: 1 });
        world.pull();
    }
    let call = world.newest();
    for _ in 0..30 {
        advance(&mut world, 15);
        world.keep(call, 0.03, true);
        let left = i32::try_from(world.session.ledger().in_flight()).unwrap();
        if left == 0 {
            break;
        }
        assert_eq!(world.newest(), call, "the oldest row is old, and the server is not silent");
    }
    assert!(world.session.ledger().durable >= 10);
}

#[test]
fn repeated_acknowledgements_are_silence() {
    let mut world = streaming(1);
    world.pull();
    world.keep(world.newest(), 1.0, true);
    world.step(&Step::Push { rows: 1, bytes: 1 });
    world.pull();
    let call = world.newest();
    for _ in 0..4 {
        advance(&mut world, 5);
        world.repeat_ack();
    }
    assert_ne!(world.newest(), call, "twenty seconds without a row");
}

#[test]
fn a_process_that_stood_still_listens_before_it_judges() {
    let mut world = streaming(3);
    world.pull();
    // Nothing runs for ten minutes; what the server said meanwhile lies in the socket.
    world.now += Duration::from_secs(600);
    world.tick();
    assert!(!world.session.is_over());
    let call = world.newest();
    assert!(call.is_some(), "the call is not given up either");
    world.keep(call, 1.0, true);
    assert_eq!(world.session.ledger().durable, 3);
}

#[test]
fn a_process_that_stood_still_and_hears_nothing_judges_soon() {
    let mut world = streaming(3);
    world.pull();
    world.now += Duration::from_secs(600);
    while !world.session.is_over() {
        world.tick();
        world.now = world.now.max(world.session.deadline().unwrap_or_default());
    }
    assert!(world.now < Duration::from_secs(610), "{:?}", world.now);
}

/// A connection that ends after this many bytes of rows, and acknowledges each request before the next.
fn dies_after(bytes: usize) -> (usize, u64) {
    let mut settings = settings(Duration::ZERO);
    settings.max_batch_bytes = 100_000;
    settings.max_batch_rows = 100_000;
    settings.max_unacked_bytes = 1_000_000;
    settings.max_attempts = Some(60);
    let mut world = World::new(settings, 7, NEVER);
    (0..1000).for_each(|_| world.push(90));
    let mut calls = 0;
    while world.session.ledger().in_flight() > 0 && !world.session.is_over() {
        if world.newest().is_none() {
            world.now = world.session.deadline().unwrap();
            world.tick();
            continue;
        }
        world.open();
        calls += 1;
        let mut left = bytes;
        loop {
            let before = world.received().len();
            world.pull();
            let Some(request) = world.received().get(before..).and_then(<[_]>::first).map(Vec::len) else { break };
            if request * 95 > left {
                world.end(world.newest(), Ending::Internal);
                break;
            }
            left -= request * 95;
            // The other requests in flight arrive or do not; only complete ones are acknowledged.
            world.keep(world.newest(), 1.0, true);
        }
    }
    (calls, world.session.ledger().durable)
}

#[test]
fn whatever_lets_some_bytes_through_lets_all_rows_through() {
    for bytes in [1_000_000, 40_000, 10_000, 1000, 200, 95] {
        let (calls, durable) = dies_after(bytes);
        assert_eq!(durable, 1000, "where a connection dies after {bytes} bytes, in {calls} calls");
    }
}

#[test]
fn a_rate_is_kept_and_everything_goes() {
    let mut settings = settings(Duration::ZERO);
    settings.max_rows_per_second = Some(10);
    settings.max_unacked_bytes = 1_000_000;
    let mut world = World::new(settings, 7, NEVER);
    world.open();
    (0..100).for_each(|_| world.push(1));
    while world.session.ledger().in_flight() > 0 {
        world.pull();
        world.keep(world.newest(), 1.0, true);
        if let Some(at) = world.session.deadline() {
            world.now = world.now.max(at);
            world.tick();
        }
    }
    assert!((Duration::from_secs(8)..Duration::from_secs(11)).contains(&world.now), "{:?}", world.now);
}
