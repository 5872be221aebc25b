//! The faults that are armed, and those that have struck.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use fastrand::Rng;
use zerobus_codegen::Printable;

use super::{Fault, Kind, Point};

/// All faults of an emulator.
#[derive(Debug)]
pub(crate) struct Faults {
    seed: u64,
    /// Each stream draws its own chances, so that one stream's do not depend on how streams run side by side.
    streams: AtomicU64,
    armed: Mutex<Vec<Armed>>,
    struck: Mutex<Vec<String>>,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    /// How often it still may strike.
    left: Option<u64>,
}

/// The chances of one stream.
#[derive(Debug)]
pub(crate) struct StreamFaults {
    number: u64,
    table: String,
    rng: Rng,
}

impl Faults {
    pub(crate) fn new(seed: u64, faults: Vec<Fault>) -> Self {
        let armed = faults.into_iter().map(|fault| Armed { left: fault.times, fault }).collect();
        Self { seed, streams: AtomicU64::new(0), armed: Mutex::new(armed), struck: Mutex::default() }
    }

    pub(crate) const fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn arm(&self, fault: Fault) {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner).push(Armed { left: fault.times, fault });
    }

    pub(crate) fn disarm_all(&self) {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What can still strike.
    pub(crate) fn armed(&self) -> Vec<String> {
        let armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        armed.iter().filter(|armed| armed.left != Some(0)).map(|armed| armed.fault.to_string()).collect()
    }

    /// What has struck, in order, each with the stream and its place there.
    pub(crate) fn struck(&self) -> Vec<String> {
        self.struck.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The chances of a new stream, or of a token request with an empty table.
    pub(crate) fn stream(&self, table: &str) -> StreamFaults {
        let number = self.streams.fetch_add(1, Ordering::Relaxed);
        StreamFaults { number, table: table.to_owned(), rng: Rng::with_seed(self.seed.wrapping_add(number)) }
    }

    /// What strikes at this point, after so many requests or acks.
    pub(crate) fn strike(&self, stream: &mut StreamFaults, point: Point, handled: u64) -> Vec<Kind> {
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kinds = Vec::new();
        for armed in armed.iter_mut().filter(|armed| armed.fault.point() == point && armed.left != Some(0)) {
            if !armed.fault.is_due(stream, handled) {
                continue;
            }
            armed.left = armed.left.map(|left| left - 1);
            self.log(&armed.fault, stream, handled);
            kinds.push(armed.fault.kind.clone());
            if armed.fault.is_final() {
                // Nothing is left that another fault could strike, so it keeps its turn.
                break;
            }
        }
        kinds
    }

    fn log(&self, fault: &Fault, stream: &StreamFaults, handled: u64) {
        let (seed, number, table) = (self.seed, stream.number, Printable(&stream.table));
        tracing::info!(seed, %fault, stream = number, %table, handled, "fault injected");
        let line = format!("seed {seed}: {fault}: stream {number}, table {table}, after {handled}");
        self.struck.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

impl StreamFaults {
    /// The chances of another part of the same stream.
    pub(crate) fn fork(&mut self) -> Self {
        Self { number: self.number, table: self.table.clone(), rng: self.rng.fork() }
    }
}

impl Fault {
    fn is_due(&self, stream: &mut StreamFaults, handled: u64) -> bool {
        if self.table.as_ref().is_some_and(|table| *table != stream.table) {
            return false;
        }
        let time = if self.goes_on() { handled >= self.after } else { handled == self.after };
        time && self.chance.is_none_or(|chance| stream.rng.f64() < chance)
    }
}
