//! How the server misbehaves.

use std::time::Duration;

use fastrand::Rng;
use tonic::Status;

use crate::scripted::{Call, Received, number};

/// The server's manners, by seed.
#[derive(Debug, Clone)]
pub struct Faults {
    pub seed: u64,
    /// From this call on it behaves.
    pub calm_from: usize,
    /// How likely a fault is at each request.
    pub rate: f64,
    pub poison: Poison,
    /// A lane takes in older rows of another one that gave up.
    pub has_lanes: bool,
}

/// Which rows the server never takes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Poison {
    /// One of this many; none of 0.
    pub one_of: u64,
}

impl Poison {
    pub fn is(self, row: u64) -> bool {
        self.one_of > 0 && row % self.one_of == self.one_of - 1
    }

    fn is_in(self, received: &Received) -> bool {
        received.rows.iter().any(|row| self.is(number(row)))
    }
}

impl Faults {
    /// Serves one call.
    pub async fn serve(self, mut call: Call) {
        let mut random = Rng::with_seed(self.seed ^ (call.n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let is_calm = call.n >= self.calm_from;
        if !is_calm && refuse(&mut call, &mut random).await {
            return;
        }
        call.create().await;
        let mut last_row = None;
        let mut last_ack = -1;
        while let Some(received) = call.batch().await {
            if !self.has_lanes {
                check_order(&call, &received, &mut last_row);
            }
            if self.poison.is_in(&received) {
                return refuse_rows(&mut call, &mut random).await;
            }
            let faulty = !is_calm && random.f64() < self.rate;
            if !faulty {
                call.keep(&received);
                if random.u8(..) < 60 {
                    pause(&mut random, 400).await;
                }
                // An acknowledgement may stand for several requests.
                if is_calm || random.u8(..) < 200 {
                    last_ack = received.offset;
                    call.ack(last_ack).await;
                }
            } else if self.misbehave(&mut call, &mut random, &received, last_ack).await {
                return;
            }
        }
    }

    /// Whether the call is over.
    async fn misbehave(&self, call: &mut Call, random: &mut Rng, received: &Received, last_ack: i64) -> bool {
        if random.bool() {
            call.keep(received);
        }
        match random.u32(0..16) {
            0 => fail(call, Status::unavailable("age. Error Code: 6002, Error State: 1."), random).await,
            1 => fail(call, Status::internal("oh"), random).await,
            2 => fail(call, Status::resource_exhausted("slow down"), random).await,
            3 => fail(call, Status::unauthenticated("expired"), random).await,
            // Far above what can be in flight: below it, a false offset could be a true one.
            4 => call.ack(received.offset + 10_000 + i64::from(random.u8(..))).await,
            5 => call.ack(last_ack - 1 - i64::from(random.u8(0..3))).await,
            // It goes without a word, with OK.
            6 => {}
            // It stalls: no acknowledgement, no end, nothing read.
            7 => pause(random, 120_000).await,
            8 | 9 => {
                call.close_signal(Duration::from_millis(random.u64(0..3000))).await;
                return self.late_acks(call, random, received).await;
            }
            10 | 11 if last_ack >= 0 => {
                for _ in 0..random.u8(1..5) {
                    call.ack(last_ack).await;
                }
                call.keep(received);
                call.ack(received.offset).await;
                return false;
            }
            12 => {
                call.keep(received);
                pause(random, 3000).await;
                call.ack(received.offset).await;
                return false;
            }
            13 => fail(call, Status::permission_denied("no. Error Code: 3, Error State: 1."), random).await,
            _ => fail(call, Status::unavailable("going down"), random).await,
        }
        true
    }

    /// After a close signal: reads what still comes, and acknowledges it late or not at all.
    async fn late_acks(&self, call: &mut Call, random: &mut Rng, received: &Received) -> bool {
        call.keep(received);
        let mut last = received.offset;
        let mut last_row = received.rows.last().map(|row| number(row));
        if random.bool() {
            call.ack(last).await;
        }
        while let Some(received) = call.batch().await {
            if !self.has_lanes {
                check_order(call, &received, &mut last_row);
            }
            if self.poison.is_in(&received) {
                refuse_rows(call, random).await;
                return true;
            }
            call.keep(&received);
            last = received.offset;
        }
        pause(random, 500).await;
        if random.bool() {
            call.ack(last).await;
        }
        true
    }
}

/// Whether the stream was not created.
async fn refuse(call: &mut Call, random: &mut Rng) -> bool {
    match random.u32(0..20) {
        0 => fail(call, Status::unavailable("no"), random).await,
        1 => fail(call, Status::unauthenticated("expired"), random).await,
        2 => fail(call, Status::internal("oh. Error Code: 6006, Error State: 1."), random).await,
        // The stream is not created, and nothing else happens either.
        3 => pause(random, 60_000).await,
        4 => {}
        5 => call.ack(0).await,
        _ => {
            if random.bool() {
                pause(random, 500).await;
            }
            return false;
        }
    }
    true
}

async fn refuse_rows(call: &mut Call, random: &mut Rng) {
    fail(call, Status::invalid_argument("a value. Error Code: 4044, Error State: 1."), random).await;
}

/// Ends the call; some servers read what still comes to its end.
async fn fail(call: &mut Call, status: Status, random: &mut Rng) {
    call.fail(status).await;
    if random.bool() {
        call.read_to_end().await;
    }
}

async fn pause(random: &mut Rng, most_millis: u64) {
    tokio::time::sleep(Duration::from_millis(random.u64(0..most_millis))).await;
}

fn check_order(call: &Call, received: &Received, last: &mut Option<u64>) {
    for row in &received.rows {
        let row = number(row);
        if last.is_some_and(|last| last >= row) {
            call.records.violations.lock().unwrap().push(format!("row {row} came after {last:?} in call {}", call.n));
        }
        *last = Some(row);
    }
}
