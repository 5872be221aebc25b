//! The receipt: the figures of a run, as text or as one JSON document.

use std::fmt::{self, Display};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use zerobus_runtime::StreamEvent;

use crate::{Outcome, terminal};

/// The ids that the server assigned to the opened streams; the workspace's system tables use the same ids.
#[derive(Debug, Clone, Default)]
pub(crate) struct StreamIds(Arc<Mutex<Vec<String>>>);

impl StreamIds {
    /// An event hook for a stream that adds each id that the server assigns.
    pub(crate) fn hook(&self) -> impl Fn(&StreamEvent) + Send + Sync + 'static {
        let ids = Arc::clone(&self.0);
        move |event| {
            if let StreamEvent::Opened { stream_id, .. } = event {
                ids.lock().unwrap_or_else(PoisonError::into_inner).push(stream_id.to_string());
            }
        }
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The figures of a run.
#[derive(Debug, Default)]
pub(crate) struct Receipt {
    pub(crate) table: String,
    pub(crate) read: u64,
    pub(crate) durable: u64,
    pub(crate) refused: u64,
    /// Rows that an earlier process left in the spool.
    pub(crate) recovered: u64,
    /// Rows that stay in the spool for the next run.
    pub(crate) spooled: u64,
    /// Rows that were read and are neither durable nor refused.
    pub(crate) undelivered: u64,
    /// Rows that were sent again after a lost connection, and so may be in the table twice.
    pub(crate) possibly_twice: u64,
    pub(crate) time: Duration,
    pub(crate) streams: Vec<String>,
    /// Why the run did not complete.
    pub(crate) error: Option<String>,
}

impl Receipt {
    pub(crate) fn outcome(&self) -> Outcome {
        if self.error.is_some() || self.undelivered > 0 || self.spooled > 0 {
            Outcome::Failed
        } else if self.refused > 0 {
            Outcome::SomeRefused
        } else {
            Outcome::Done
        }
    }

    pub(crate) fn print(&self, is_json: bool) {
        if is_json {
            let document = json!({
                "table": self.table,
                "rows_read": self.read,
                "rows_durable": self.durable,
                "rows_refused": self.refused,
                "rows_undelivered": self.undelivered,
                "rows_recovered": self.recovered,
                "rows_spooled": self.spooled,
                "rows_possibly_twice": self.possibly_twice,
                "seconds": self.time.as_secs_f64(),
                "stream_ids": self.streams,
                "error": self.error,
            });
            terminal::result(format_args!("{document}\n"));
            return;
        }
        terminal::result(self);
        if let Some(error) = &self.error {
            terminal::remark(format_args!("error: {error}"));
        }
    }
}

impl Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "rows read            {}", self.read)?;
        writeln!(f, "rows durable         {}", self.durable)?;
        writeln!(f, "rows refused         {}", self.refused)?;
        if self.recovered > 0 {
            writeln!(f, "rows recovered       {}", self.recovered)?;
        }
        if self.spooled > 0 {
            writeln!(f, "rows in the spool    {}", self.spooled)?;
        }
        if self.undelivered > 0 {
            writeln!(f, "rows undelivered     {}", self.undelivered)?;
        }
        writeln!(f, "rows possibly twice  {}", self.possibly_twice)?;
        writeln!(f, "seconds              {:.2}", self.time.as_secs_f64())?;
        writeln!(f, "streams              {}", self.streams.join(" "))
    }
}
