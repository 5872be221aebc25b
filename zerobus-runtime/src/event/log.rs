//! Events in the log.

use super::StreamEvent;

/// Logs an event under its documented name.
pub(crate) fn log(event: &StreamEvent) {
    match event {
        StreamEvent::AtLeastOnce { reason } => {
            tracing::warn!(name: "zerobus.stream.at_least_once", %reason, "rows are not delivered exactly once");
        }
        StreamEvent::Closed { durable, returned } => {
            tracing::info!(name: "zerobus.stream.closed", durable, returned, "stream closed");
        }
        StreamEvent::Closing { grace } => {
            tracing::info!(name: "zerobus.stream.closing", ?grace, "the server asks for another stream");
        }
        StreamEvent::DeadLetterFailed { offset, reason } => {
            let offset = offset.map(tracing::field::display);
            tracing::error!(name: "zerobus.dead_letters.failed", offset, %reason, "the sink did not take a refused row");
        }
        StreamEvent::Failed { error } => tracing::error!(name: "zerobus.stream.failed", %error, "stream failed"),
        StreamEvent::Opened { stream_id, replays } => {
            tracing::Span::current().record("stream_id", &**stream_id);
            tracing::info!(name: "zerobus.stream.opened", stream_id = &**stream_id, replays, "stream opened");
        }
        StreamEvent::Reconnecting { reason, pause } => {
            tracing::warn!(name: "zerobus.stream.reconnecting", %reason, ?pause, "connection lost");
        }
        StreamEvent::Recovered { rows, bytes, age, cut } => {
            tracing::info!(name: "zerobus.spool.recovered", rows, bytes, ?age, cut, "rows of another process are sent first");
        }
        StreamEvent::SpoolDamaged { rows } => {
            tracing::error!(name: "zerobus.spool.damaged", rows, "rows of the spool cannot be read");
        }
        StreamEvent::SpoolDropped { rows } => {
            tracing::error!(name: "zerobus.spool.dropped", rows, "the spool is full, and rows were dropped");
        }
        StreamEvent::SpoolFailing { reason } => {
            tracing::warn!(name: "zerobus.spool.failing", %reason, "the spool takes no rows");
        }
        StreamEvent::SpoolRecovered => {
            tracing::info!(name: "zerobus.spool.works", "the spool takes rows again");
        }
        StreamEvent::SpoolSetAside { file, rows } => {
            tracing::error!(name: "zerobus.spool.set_aside", file, rows, "a damaged file of the spool was set aside");
        }
        StreamEvent::Rejected { offset, reason } => {
            tracing::error!(name: "zerobus.stream.row_rejected", %offset, %reason, "the server refused a row");
        }
    }
}
