//! The acks of a stream: sent as the sink reports, or modified by a fault.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::End;
use super::responses::{Response, Responses};
use crate::activity::Watched;
use crate::app::App;
use crate::faults::script::StreamFaults;
use crate::faults::{AckStep, Kind, Point};
use crate::refusal::Refusal;
use crate::sink::StorageError;

pub(super) type Reports = mpsc::UnboundedReceiver<Result<i64, StorageError>>;

/// Sends acks to the client as its requests are stored.
pub(super) struct Acks<'a> {
    app: &'a App,
    responses: &'a Responses,
    faults: StreamFaults,
    /// The acks of a fault's script; they precede all others.
    script: VecDeque<AckStep>,
    watched: Arc<Watched>,
    sent: u64,
}

impl<'a> Acks<'a> {
    pub(super) const fn new(
        app: &'a App,
        responses: &'a Responses,
        faults: StreamFaults,
        script: VecDeque<AckStep>,
        watched: Arc<Watched>,
    ) -> Self {
        Self { app, responses, faults, script, watched, sent: 0 }
    }

    /// Sends acks until the reports end; returns the last stored offset, -1 if there is none.
    pub(super) async fn run(mut self, mut reports: Reports) -> Result<i64, End> {
        let mut last = -1;
        while let Some(report) = reports.recv().await {
            last = stored(report)?;
            let scripted = self.follow_script(last).await?;
            if self.script.is_empty() && scripted.is_none_or(|offset| offset < last) {
                last = self.ack(last, &mut reports).await?;
            }
        }
        Ok(last)
    }

    /// Sends the script's acks whose offsets are stored; returns the last of them.
    async fn follow_script(&mut self, stored: i64) -> Result<Option<i64>, End> {
        let mut sent = None;
        while let Some(step) = self.script.front().copied().filter(|step| step.offset <= stored) {
            self.script.pop_front();
            tokio::time::sleep(step.delay).await;
            self.sent += 1;
            self.watched.acked(step.offset);
            self.send(Some(step.offset)).await?;
            sent = Some(step.offset);
        }
        Ok(sent)
    }

    async fn ack(&mut self, mut offset: i64, reports: &mut Reports) -> Result<i64, End> {
        let kinds = self.app.faults.strike(&mut self.faults, Point::Ack, self.sent);
        self.sent += 1;
        for kind in &kinds {
            if let Kind::AckDelay(delay) = kind {
                tokio::time::sleep(*delay).await;
                // Acks are cumulative: one ack for everything stored meanwhile keeps the delays from adding up.
                while let Ok(report) = reports.try_recv() {
                    offset = stored(report)?;
                }
            }
        }
        if kinds.contains(&Kind::AckDrop) {
            return Ok(offset);
        }
        if kinds.contains(&Kind::AckEmpty) {
            self.send(None).await?;
            return Ok(offset);
        }
        self.watched.acked(offset);
        let beyond: i64 = kinds.iter().map(|kind| if let Kind::AckBeyond(offsets) = kind { *offsets } else { 0 }).sum();
        self.send(Some(offset.saturating_add(beyond))).await?;
        if kinds.contains(&Kind::AckRepeat) {
            self.send(Some(offset)).await?;
        }
        if kinds.contains(&Kind::AckBack) {
            self.send(Some(offset - 1)).await?;
        }
        Ok(offset)
    }

    async fn send(&self, offset: Option<i64>) -> Result<(), End> {
        self.responses.send(Response::Ack(offset)).await
    }
}

fn stored(report: Result<i64, StorageError>) -> Result<i64, Refusal> {
    report.map_err(Refusal::from)
}
