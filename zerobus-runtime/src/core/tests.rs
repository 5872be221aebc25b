//! The core against generated sequences of events, and a model of what the server has made durable.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::error::{Error, Fault, Status};

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
    let ending = prop_oneof![
        8 => Just(Ending::Ok),
        8 => Just(Ending::Internal),
        4 => Just(Ending::StreamTimeout),
        2 => Just(Ending::Blocked),
        2 => Just(Ending::Unauthenticated),
        1 => Just(Ending::PermissionDenied),
    ];
    prop_oneof![
        10 => (1_u8..20, 0_usize..60).prop_map(|(rows, bytes)| Step::Push { rows, bytes }),
        10 => (1_u8..6).prop_map(|requests| Step::Pull { requests }),
        6 => Just(Step::Open),
        10 => (0.0..=1.0, prop::bool::weighted(0.8)).prop_map(|(part, says)| Step::Keep { part, says }),
        1 => Just(Step::RepeatAck),
        1 => (-3_i64..50).prop_map(Step::BogusAck),
        1 => Just(Step::AckWithoutOffset),
        1 => (0_u64..5000).prop_map(|millis| Step::CloseSignal { millis }),
        2 => ending.prop_map(Step::End),
        4 => prop_oneof![0_u64..500, 500_u64..20_000].prop_map(|millis| Step::Advance { millis }),
        1 => Just(Step::Flush),
    ]
}

/// A session, the connection that it believes to have, and what the server knows.
struct World {
    session: Session,
    now: Duration,
    /// The generation of the connection that is being opened or is open.
    connection: Option<u64>,
    is_open: bool,
    has_ended: bool,
    /// The rows of each request of this connection, in its order.
    received: Vec<Vec<u64>>,
    kept: usize,
    last_ack: i64,
    durable: BTreeSet<u64>,
    accepted: u64,
    /// The server refuses the last of so many rows.
    poison: u64,
}

/// No row is this one.
const NEVER: u64 = u64::MAX;

fn settings(linger: Duration) -> Settings {
    let mut settings = Settings::new("main.test.rows");
    settings.max_batch_bytes = 100;
    settings.max_batch_rows = 7;
    settings.max_unacked_bytes = 1000;
    settings.linger = linger;
    settings.fast_bytes = 60;
    settings.fast_wait = Duration::from_millis(10);
    settings.ack_timeout = Duration::from_secs(20);
    settings
}

impl World {
    fn new(settings: Settings, seed: u64, poison: u64) -> Self {
        let session = Session::new(settings, fastrand::Rng::with_seed(seed), Duration::ZERO);
        let mut world = Self {
            session,
            now: Duration::ZERO,
            connection: None,
            is_open: false,
            has_ended: false,
            received: Vec::new(),
            kept: 0,
            last_ack: -1,
            durable: BTreeSet::new(),
            accepted: 0,
            poison,
        };
        world.act();
        world
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Push { rows, bytes } => (0..rows).for_each(|_| self.push(bytes)),
            Step::Pull { requests } => (0..requests).for_each(|_| self.pull()),
            Step::Open => self.open(),
            Step::Keep { part, says } => self.keep(part, says),
            Step::RepeatAck if self.last_ack >= 0 => self.ack(Some(self.last_ack)),
            Step::BogusAck(offset) => self.bogus_ack(offset),
            Step::AckWithoutOffset => self.ack(None),
            Step::CloseSignal { millis } if self.is_open => {
                self.handle(Event::CloseSignal(Duration::from_millis(millis)));
            }
            Step::CloseSignal { .. } | Step::RepeatAck => {}
            Step::End(ending) => self.end(ending),
            Step::Advance { millis } => {
                self.now += Duration::from_millis(millis);
                self.handle(Event::Elapsed);
            }
            Step::Flush => {
                self.session.flush();
            }
        }
        self.check();
    }

    fn push(&mut self, bytes: usize) {
        let (n, now) = (self.accepted, self.now);
        let pushed = self.session.push(
            || now,
            |out| {
                out.varint(n);
                out.raw(&vec![0; bytes]);
                Ok::<_, Infallible>(())
            },
        );
        match pushed {
            Ok(offset) => {
                assert_eq!(offset.value(), n, "offsets have no gap and never start anew");
                self.accepted += 1;
            }
            Err(Refused::Full { .. } | Refused::Closed | Refused::Failed(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
        self.act();
    }

    fn pull(&mut self) {
        let Some(generation) = self.connection else { return };
        assert_eq!(self.session.pull(self.now, generation - 1), Pull::End, "an older connection gets nothing");
        match self.session.pull(self.now, generation) {
            Pull::Idle => {}
            Pull::End => assert!(!self.is_open || self.session.is_over() || self.has_half_closed()),
            Pull::Request(request) => {
                assert!(self.is_open, "nothing is sent before the stream is created");
                let offset = i64::try_from(self.received.len()).unwrap();
                assert_eq!(request.wire_offset, offset, "offsets on the wire are consecutive from 0");
                let rows = rows_of(&request.body);
                assert_eq!(rows.len(), request.rows as usize);
                if let Some(last) = self.received.iter().flatten().last() {
                    assert_eq!(rows[0], last + 1, "rows keep their order on a connection");
                }
                assert!(rows.windows(2).all(|pair| pair[1] == pair[0] + 1));
                self.received.push(rows);
            }
        }
    }

    /// The session has asked for the end of the request side, so a pull gives it.
    fn has_half_closed(&mut self) -> bool {
        self.session.can_pull()
    }

    fn open(&mut self) {
        if self.connection.is_some() && !self.is_open && !self.has_ended {
            self.is_open = true;
            self.handle(Event::Opened);
        }
    }

    fn keep(&mut self, part: f64, says: bool) {
        if !self.is_open {
            return;
        }
        let fresh = self.received.len() - self.kept;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            clippy::cast_possible_truncation,
            reason = "small"
        )]
        let count = (fresh as f64 * part).round() as usize;
        let until = self.kept + count;
        let poisoned =
            self.received[self.kept..until].iter().position(|rows| rows.iter().any(|row| self.is_poison(*row)));
        let good = poisoned.map_or(until, |poisoned| self.kept + poisoned);
        for rows in &self.received[self.kept..good] {
            self.durable.extend(rows);
        }
        self.kept = good;
        if says && self.kept > 0 {
            self.last_ack = i64::try_from(self.kept).unwrap() - 1;
            self.ack(Some(self.last_ack));
        }
        if poisoned.is_some() && self.is_open {
            self.end(Ending::Rejected);
        }
    }

    const fn is_poison(&self, row: u64) -> bool {
        row % self.poison == self.poison - 1
    }

    fn bogus_ack(&mut self, offset: i64) {
        let sent = i64::try_from(self.received.len()).unwrap();
        let is_true = (0..i64::try_from(self.kept).unwrap()).contains(&offset) && offset >= self.last_ack;
        if is_true || !self.is_open || (offset >= self.last_ack && offset < sent) {
            // Nobody can tell such an acknowledgement from a true one.
            return;
        }
        let durable = self.session.ledger().durable;
        self.ack(Some(offset));
        assert_eq!(self.session.ledger().durable, durable, "a bogus acknowledgement is not believed");
        assert!(!self.is_open, "and the connection is not trusted further");
    }

    fn ack(&mut self, offset: Option<i64>) {
        if self.is_open {
            self.handle(Event::Acked(offset));
        }
    }

    fn end(&mut self, ending: Ending) {
        if self.connection.is_none() || self.has_ended {
            return;
        }
        let error = match ending {
            Ending::Ok => None,
            Ending::Internal => Some(status(13, "oh")),
            Ending::StreamTimeout => Some(status(14, "age. Error Code: 6002, Error State: 1.")),
            Ending::Blocked => Some(status(8, "slow down. Error Code: 6006, Error State: 1.")),
            Ending::Unauthenticated => Some(status(16, "who?")),
            Ending::Rejected => Some(status(3, "a record does not decode. Error Code: 4044, Error State: 1.")),
            Ending::PermissionDenied => Some(status(7, "no. Error Code: 3, Error State: 1.")),
        };
        (self.is_open, self.has_ended) = (false, true);
        self.handle(Event::Ended(error));
    }

    fn handle(&mut self, event: Event) {
        self.session.handle(self.now, event);
        self.act();
    }

    fn act(&mut self) {
        while let Some(action) = self.session.next_action() {
            match action {
                Action::Open { generation, .. } => {
                    (self.connection, self.is_open, self.has_ended) = (Some(generation), false, false);
                    self.received.clear();
                    (self.kept, self.last_ack) = (0, -1);
                }
                Action::Reset => (self.connection, self.is_open, self.has_ended) = (None, false, true),
                Action::Stop => assert!(self.session.is_over()),
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
                Err(error) => assert!(self.is_poison(row), "row {row} is good, and handed back: {error}"),
            }
        }
        assert_eq!(durable, ledger.durable);
        assert!(self.session.unacked_bytes() <= 1000, "memory is bounded");
        if ledger.in_flight() > 0 {
            assert!(self.session.deadline().is_some(), "rows are in flight and no time is set at which this ends");
        }
    }

    /// From here on the network and the server behave, and the session is closed.
    fn heal(&mut self) {
        self.session.close(self.now);
        self.act();
        for _ in 0..1000 {
            if self.session.is_over() {
                return;
            }
            self.open();
            for _ in 0..50 {
                self.pull();
            }
            self.keep(1.0, true);
            if self.session.ledger().in_flight() == 0 || (self.is_open && self.has_half_closed()) {
                self.end(Ending::Ok);
            }
            if let Some(at) = self.session.deadline().filter(|_| !self.is_open) {
                self.now = self.now.max(at);
                self.handle(Event::Elapsed);
            }
            self.check();
        }
        panic!("a closed session does not end: {:?}", self.session);
    }

    /// Every accepted row is durable or handed back, and what is said of it is true.
    fn settle(&mut self) {
        let returned = self.session.take_returned();
        assert_eq!(returned.is_empty(), self.session.ledger().returned == 0);
        let mut last = None;
        let mut settled = self.session.ledger().durable;
        for ReturnedBatch { batch, .. } in &returned {
            let rows: Vec<u64> = batch.records().map(|record| number(&record)).collect();
            assert_eq!(rows, (batch.first..batch.first + u64::from(batch.rows)).collect::<Vec<_>>());
            assert!(last < Some(batch.first), "what is handed back is in order");
            last = rows.last().copied();
            if batch.attempts == 0 {
                assert!(rows.iter().all(|row| !self.durable.contains(row)), "said never to have left, and is there");
            }
            settled += u64::from(batch.rows);
        }
        assert_eq!(settled, self.accepted, "durable and handed back is all that was accepted");
        if self.session.error().is_none() {
            assert!((0..self.accepted).all(|row| self.is_poison(row) != self.durable.contains(&row)));
        }
    }
}

fn rows_of(body: &bytes::Bytes) -> Vec<u64> {
    let batch =
        Batch { body: body.clone(), first: 0, rows: 0, since: Duration::ZERO, sent_at: Duration::ZERO, attempts: 0 };
    batch.records().map(|record| number(&record)).collect()
}

fn number(mut record: &[u8]) -> u64 {
    prost::encoding::decode_varint(&mut record).unwrap()
}

fn status(code: i32, message: &str) -> Error {
    let (name, table) = ("status", "main.test.rows".to_owned());
    Fault::Status(Status { code, name, message: message.to_owned(), table, schema_cause: None, source: None }).into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_accepted_row_ends_durable_or_handed_back(
        steps in prop::collection::vec(step(), 0..120),
        seed: u64,
        linger in prop_oneof![Just(0_u64), Just(50)],
        poison in prop_oneof![Just(NEVER), 2_u64..100],
    ) {
        let mut world = World::new(settings(Duration::from_millis(linger)), seed, poison);
        for step in &steps {
            world.step(step);
        }
        world.heal();
        world.settle();
    }
}

/// A session with an open connection, and rows in it.
fn streaming(rows: u8) -> World {
    let mut world = World::new(settings(Duration::ZERO), 7, NEVER);
    world.open();
    world.step(&Step::Push { rows, bytes: 10 });
    world
}

fn advance(world: &mut World, seconds: u64) {
    world.step(&Step::Advance { millis: seconds * 1000 });
}

#[test]
fn a_lone_row_goes_at_once_and_rows_gather_while_the_transport_is_busy() {
    let mut world = streaming(1);
    world.pull();
    assert_eq!(world.received, [[0]]);
    world.step(&Step::Push { rows: 5, bytes: 1 });
    world.pull();
    assert_eq!(world.received[1], [1, 2, 3, 4, 5]);
}

#[test]
fn linger_gathers_until_its_end_or_a_flush() {
    let mut world = World::new(settings(Duration::from_secs(1)), 7, NEVER);
    world.open();
    world.step(&Step::Push { rows: 1, bytes: 1 });
    world.pull();
    assert!(world.received.is_empty());
    assert_eq!(world.session.deadline(), Some(Duration::from_secs(1)));
    advance(&mut world, 1);
    world.pull();
    assert_eq!(world.received, [[0]]);
    world.step(&Step::Push { rows: 1, bytes: 1 });
    world.step(&Step::Flush);
    world.pull();
    assert_eq!(world.received[1], [1]);
}

/// A session with an open connection, to which rows came so fast that a batch waits for more; one of them waits.
fn fast() -> World {
    let mut world = streaming(7);
    for rows in [7, 1] {
        world.step(&Step::Advance { millis: 5 });
        world.step(&Step::Push { rows, bytes: 10 });
        world.step(&Step::Pull { requests: 9 });
    }
    assert_eq!(world.received.concat(), (0..14).collect::<Vec<_>>());
    world
}

#[test]
fn where_rows_come_fast_a_batch_waits_until_it_is_full() {
    let mut world = fast();
    world.step(&Step::Push { rows: 5, bytes: 10 });
    world.pull();
    assert_eq!(world.received.concat().len(), 14);
    world.step(&Step::Push { rows: 1, bytes: 10 });
    world.pull();
    assert_eq!(world.received.last().unwrap(), &[14, 15, 16, 17, 18, 19, 20]);
}

#[test]
fn where_rows_came_fast_and_come_no_more_a_batch_goes_after_a_short_wait() {
    let mut world = fast();
    assert_eq!(world.session.deadline(), Some(world.now + Duration::from_millis(10)));
    world.step(&Step::Advance { millis: 10 });
    world.pull();
    assert_eq!(world.received.last().unwrap(), &[14]);
    advance(&mut world, 1);
    world.step(&Step::Push { rows: 1, bytes: 1 });
    world.pull();
    assert_eq!(world.received.last().unwrap(), &[15], "a row after a pause");
}

#[test]
fn a_row_that_somebody_waits_for_does_not_wait_for_others() {
    let mut world = fast();
    world.session.expect(13);
    world.pull();
    assert_eq!(world.received.concat().len(), 14, "row 13 is on its way");
    world.session.expect(14);
    assert!(world.session.can_pull());
    world.pull();
    assert_eq!(world.received.last().unwrap(), &[14]);
}

#[test]
fn the_delivery_timeout_hands_rows_back_and_says_why() {
    let mut world = streaming(3);
    world.end(Ending::Internal);
    while !world.session.is_over() {
        let at = world.session.deadline().unwrap();
        world.now = at;
        world.handle(Event::Elapsed);
    }
    assert_eq!(world.session.ledger().returned, 3);
    let error = world.session.error().unwrap();
    assert_eq!(error.kind(), crate::ErrorKind::Timeout, "{error}");
    assert!(world.now <= Duration::from_secs(301));
}

#[test]
fn code_6006_waits_a_minute_and_6002_does_not_wait() {
    let mut world = streaming(1);
    world.end(Ending::Blocked);
    assert!(world.session.deadline().unwrap() >= Duration::from_secs(60));
    let mut world = streaming(1);
    world.end(Ending::StreamTimeout);
    assert!(world.connection.is_some() && !world.has_ended, "a new connection is being opened");
}

#[test]
fn a_row_that_the_server_refuses_is_found_and_the_others_are_delivered() {
    let mut world = World::new(settings(Duration::ZERO), 7, 50);
    world.open();
    for _ in 0..20 {
        world.step(&Step::Push { rows: 5, bytes: 1 });
        world.pull();
    }
    world.heal();
    let returned: Vec<u64> = world.session.take_returned().iter().map(|part| part.batch.first).collect();
    assert_eq!(returned, [49, 99]);
    assert_eq!(world.durable.len(), 98);
}

#[test]
fn an_idle_stream_needs_no_connection_until_a_row_comes() {
    let mut world = streaming(0);
    let before = world.connection;
    world.end(Ending::Internal);
    assert_eq!((world.session.deadline(), world.connection), (None, before));
    world.step(&Step::Push { rows: 1, bytes: 1 });
    assert_ne!(world.connection, before);
    world.heal();
    assert_eq!(world.durable.len(), 1);
}
