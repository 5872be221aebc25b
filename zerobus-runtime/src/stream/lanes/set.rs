//! The lanes of one table, and where the rows of each have moved.
//!
//! A key hashes to a home, and a home has a route to the lane that accepts its rows: at first its own lane. When that
//! lane gives up, its remaining rows move to another lane in one step, in order, and its routes are changed to that
//! lane. The first to notice does this: the lane's driver or a concurrent `send`. Later rows use the new route, so rows
//! of one key stay in order.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::LaneOffset;
use crate::core::ReturnedBatch;
use crate::driver::Heir;
use crate::error::{Error, Fault};
use crate::offset::Offset;
use crate::shared::{Shared, report_loss};

/// The lanes of one table.
#[derive(Debug)]
pub(super) struct LaneSet {
    lanes: Vec<Arc<Shared>>,
    /// By home: the lane that accepts its rows.
    routes: Vec<AtomicUsize>,
    moves: Mutex<Moves>,
    /// No handle is left to take returned rows.
    is_abandoned: AtomicBool,
}

/// Rows of lanes that gave up.
#[derive(Debug, Default)]
struct Moves {
    /// By lane: where its rows moved; `None` while it is running.
    by_lane: Vec<Option<Move>>,
    /// Rows that were left when the last lane gave up.
    stranded: Vec<ReturnedBatch>,
}

/// Where the remaining rows of a lane that gave up have moved.
#[derive(Debug, Clone, Copy)]
struct Move {
    first: u64,
    /// The target lane and the first row's offset there; `None` if no lane was left.
    to: Option<(usize, u64)>,
}

impl LaneSet {
    pub(super) fn new(lanes: Vec<Arc<Shared>>) -> Self {
        let routes = (0..lanes.len()).map(AtomicUsize::new).collect();
        let moves = Moves { by_lane: vec![None; lanes.len()], stranded: Vec::new() };
        Self { lanes, routes, moves: Mutex::new(moves), is_abandoned: AtomicBool::new(false) }
    }

    pub(super) const fn len(&self) -> usize {
        self.lanes.len()
    }

    /// The lane that accepts the rows of this home.
    pub(super) fn route(&self, home: usize) -> usize {
        self.routes[home].load(Ordering::Acquire)
    }

    pub(super) fn shared(&self, lane: usize) -> &Arc<Shared> {
        &self.lanes[lane]
    }

    /// Why a lane gave up, if it has.
    pub(super) fn error(&self, lane: usize) -> Option<Error> {
        self.lanes[lane].lock().session.error().cloned()
    }

    /// Why the last lane gave up, if all have.
    pub(super) fn last_error(&self) -> Option<Error> {
        let errors: Option<Vec<Error>> = (0..self.len()).map(|lane| self.error(lane)).collect();
        errors.and_then(|mut errors| errors.pop())
    }

    /// Moves the rows of a lane that gave up. Returns whether any lane still accepts rows.
    pub(super) fn go_on_after(&self, lane: usize) -> Result<(), Error> {
        let to = self.settle_moves()[lane].and_then(|moved| moved.to);
        if to.is_some() {
            return Ok(());
        }
        Err(self.error(lane).unwrap_or_else(|| Fault::ShutDown.into()))
    }

    /// The new position of a row whose lane gave up before it was durable, if another lane took it.
    pub(super) fn moved(&self, row: LaneOffset) -> Option<LaneOffset> {
        let moved = self.settle_moves()[row.lane]?;
        let behind = row.offset.0.checked_sub(moved.first)?;
        let (lane, first) = moved.to?;
        Some(LaneOffset { lane, offset: Offset(first + behind) })
    }

    /// Rows that were left when the last lane gave up.
    pub(super) fn take_stranded(&self) -> Vec<ReturnedBatch> {
        self.settle_moves();
        std::mem::take(&mut self.moves().stranded)
    }

    /// Accepts rows that other lanes could not deliver.
    pub(super) fn adopt(&self, rows: Vec<ReturnedBatch>) {
        if rows.is_empty() {
            return;
        }
        let mut woken = Vec::new();
        // Under the lock, so that if a lane gives up now, its rows move after these are accepted.
        let mut moves = self.moves();
        match self.least_loaded() {
            Some(target) => drop(self.lanes[target].adopt(rows, &mut woken)),
            None => moves.stranded.extend(rows),
        }
        drop(moves);
        woken.into_iter().for_each(Waker::wake);
    }

    /// No handle is left to take returned rows.
    pub(super) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::Release);
        // Before the lanes close, while one can still take over the rows of another.
        self.settle_moves();
        self.report_loss();
    }

    /// Ends every lane at once; rows that are not durable are returned.
    pub(super) fn fail_all(&self, error: &Error) {
        for lane in &self.lanes {
            lane.end(error.clone());
        }
    }

    /// How many lanes gave up and had their rows moved.
    pub(super) fn moves_so_far(&self) -> usize {
        self.settle_moves().iter().flatten().count()
    }

    /// Moves the rows of every lane that gave up. Returns where the rows of each lane moved.
    fn settle_moves(&self) -> Vec<Option<Move>> {
        let mut moves = self.moves();
        let (mut done, mut woken) = (Vec::new(), Vec::new());
        // A lane that ends while it receives rows gives them up, and they move once more.
        while let Some((lane, first)) = self.next_move(&moves) {
            done.push((lane, self.move_rows(&mut moves, lane, first, &mut woken)));
        }
        let by_lane = moves.by_lane.clone();
        drop(moves);
        // No foreign code runs under the lock: no waker, no tracing subscriber.
        woken.into_iter().for_each(Waker::wake);
        for (lane, rows) in done {
            let to = by_lane[lane].and_then(|moved| moved.to).map(|(to, _)| to);
            tracing::warn!(name: "zerobus.lane.moved", lane, to, rows, "a lane gave up; its rows moved to another lane");
            self.report_loss();
        }
        by_lane
    }

    /// A lane that gave up and still has its rows, and the first of them.
    fn next_move(&self, moves: &Moves) -> Option<(usize, u64)> {
        let lost_from = |lane: usize| self.lanes[lane].lock().session.lost_from();
        let mut stays = (0..self.len()).filter(|lane| moves.by_lane[*lane].is_none());
        stays.find_map(|lane| lost_from(lane).map(|first| (lane, first)))
    }

    /// Moves the rows of one lane and returns their number.
    fn move_rows(&self, moves: &mut Moves, lane: usize, first: u64, woken: &mut Vec<Waker>) -> u64 {
        let rows = self.lanes[lane].take_given_up();
        let count = rows.iter().map(|part| u64::from(part.batch.rows)).sum();
        // Rows on disk stay there, and those of the same keys must not overtake them.
        let stays = self.lanes[lane].lock().session.settings().spool.is_some();
        let Some(target) = self.least_loaded().filter(|_| !stays) else {
            moves.by_lane[lane] = Some(Move { first, to: None });
            moves.stranded.extend(rows);
            return count;
        };
        let offset = self.lanes[target].adopt(rows, woken);
        moves.by_lane[lane] = Some(Move { first, to: Some((target, offset.0)) });
        for route in &self.routes {
            if route.load(Ordering::Acquire) == lane {
                route.store(target, Ordering::Release);
            }
        }
        count
    }

    /// The open lane with the fewest bytes in flight.
    fn least_loaded(&self) -> Option<usize> {
        let load = |lane: usize| {
            let inner = self.lanes[lane].lock();
            (!inner.session.is_over()).then(|| inner.session.unacked_bytes())
        };
        (0..self.len()).filter_map(|lane| load(lane).map(|load| (load, lane))).min().map(|(_, lane)| lane)
    }

    /// Logs lost rows at ERROR if no handle is left to take them.
    fn report_loss(&self) {
        if self.is_abandoned.load(Ordering::Acquire) {
            let stranded = std::mem::take(&mut self.moves().stranded);
            report_loss(&self.lanes[0].table(), &stranded);
        }
    }

    fn moves(&self) -> MutexGuard<'_, Moves> {
        // No foreign code runs under this lock, so a poisoned lock still guards consistent data.
        self.moves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heir for LaneSet {
    fn inherit(&self) {
        self.settle_moves();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Settings;
    use crate::persisted::Persisted;
    use crate::record_kind::RecordKind;

    fn lane(rows: usize) -> Arc<Shared> {
        let shared = Shared::new(Settings::new("main.test.rows", RecordKind::Proto), None);
        for _ in 0..rows {
            shared.push_row(b"row", Persisted::No).unwrap();
        }
        shared
    }

    #[test]
    fn rows_of_a_lane_that_gave_up_keep_their_order_on_the_next() {
        let set = LaneSet::new(vec![lane(3), lane(5)]);
        set.shared(0).fail(Fault::ShutDown.into());
        let moved = |offset| set.moved(LaneOffset { lane: 0, offset: Offset(offset) });
        let places: Vec<_> = (0..3).map(|row| moved(row).map(|row| (row.lane, row.offset.0))).collect();
        assert_eq!(places, [Some((1, 5)), Some((1, 6)), Some((1, 7))]);
        assert!(set.moved(LaneOffset { lane: 1, offset: Offset(5) }).is_none(), "that lane goes on");
        assert_eq!((set.route(0), set.route(1), set.moves_so_far()), (1, 1, 1));
    }
}
