//! Progress output: a bar on a terminal, otherwise a line every few seconds.

use std::io::{IsTerminal as _, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::lanes::Totals;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{Verbosity, terminal};

/// How often a line is printed if stderr is not a terminal.
const EVERY: Duration = Duration::from_secs(10);

/// What the user sees while rows are sent.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    verbosity: Verbosity,
    started: Instant,
    /// Bytes that were read from the files, before decompression.
    bytes: Arc<AtomicU64>,
    next_line: std::cell::Cell<Instant>,
}

impl Progress {
    /// `bytes` is the total size of the inputs, if it is known.
    pub(super) fn new(bytes: Option<u64>, verbosity: Verbosity) -> Self {
        let now = Instant::now();
        let bar = (verbosity == Verbosity::Normal && stderr().is_terminal()).then(|| bar(bytes));
        Self { bar, verbosity, started: now, bytes: Arc::default(), next_line: (now + EVERY).into() }
    }

    /// The counter of bytes that the reader adds to.
    pub(super) fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.bytes)
    }

    /// Shows the current figures.
    pub(super) fn show(&self, read: u64, refused: u64, totals: Totals) {
        let durable = totals.rows_durable;
        if let Some(bar) = &self.bar {
            bar.set_position(self.bytes.load(Ordering::Relaxed));
            bar.set_message(format!("{read} rows, {durable} durable, {refused} refused"));
            return;
        }
        let now = Instant::now();
        if self.verbosity == Verbosity::Quiet || now < self.next_line.get() {
            return;
        }
        self.next_line.set(now + EVERY);
        #[expect(clippy::cast_precision_loss, reason = "a rounded figure for display")]
        let speed = totals.bytes_durable as f64 / 1e6 / self.started.elapsed().as_secs_f64();
        terminal::remark(format_args!("{read} rows read, {durable} durable, {refused} refused, {speed:.1} MB/s"));
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(bytes: Option<u64>) -> ProgressBar {
    let (bar, template) = match bytes {
        Some(bytes) => (ProgressBar::new(bytes), "{bar:30} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left, {msg}"),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes} {bytes_per_sec}, {msg}"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
