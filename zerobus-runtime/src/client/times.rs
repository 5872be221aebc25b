//! Timeouts of a connection, and their limits.

use std::time::Duration;

use crate::error::{Error, Fault};

/// The longest time that the libraries below accept; used for no limit.
const LONGEST_CONNECT: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest interval that Linux accepts.
const LONGEST_KEEP_ALIVE: Duration = Duration::from_secs(32_767);

/// The time limit of an insert by REST: 10 MB on a slow line, plus a minute in the service.
pub(super) const REST: Duration = Duration::from_secs(120);

/// The time limit of a connection attempt.
pub(super) fn connect_timeout(given: Option<Duration>) -> Result<Duration, Error> {
    match given {
        Some(Duration::ZERO) => {
            let (found, expected) = ("a time of zero".to_owned(), "it takes a time above zero, or None for no limit");
            Err(Fault::Option { option: "connect_timeout", found, expected }.into())
        }
        timeout => Ok(timeout.map_or(LONGEST_CONNECT, |timeout| timeout.min(LONGEST_CONNECT))),
    }
}

/// How long a connection is idle before the peer is probed.
pub(super) fn keep_alive(given: Option<Duration>) -> Result<Option<Duration>, Error> {
    match given {
        // TCP counts whole seconds.
        Some(interval) if interval < Duration::from_secs(1) => {
            let (found, expected) = (format!("{interval:?}"), "it takes at least one second, or None for never");
            Err(Fault::Option { option: "keep_alive", found, expected }.into())
        }
        interval => Ok(interval.map(|interval| interval.min(LONGEST_KEEP_ALIVE))),
    }
}
