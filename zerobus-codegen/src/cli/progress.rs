//! The progress bar on a terminal; nothing is drawn if standard error is a file or a CI log.

use indicatif::{ProgressBar, ProgressStyle};

use super::arguments::Verbosity;

/// Progress in a number of equal steps.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// A bar of this many steps; indicatif draws nothing without a terminal.
    pub(super) fn new(steps: usize, verbosity: Verbosity) -> Self {
        let bar = match verbosity {
            Verbosity::Normal => ProgressBar::new(steps as u64),
            Verbosity::Quiet => ProgressBar::hidden(),
        };
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} tables, {eta} left") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Advances by one step.
    pub(super) fn step(&self) {
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
