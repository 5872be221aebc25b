//! Lanes of which one has given up, before its rows have moved.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::{Json, RawJson, block_on};
use super::prepared::PreparedLanes;
use super::{Lanes, LanesBuilder};
use crate::client::Client;
use crate::dead_letters::DeadLetters;
use crate::driver::Driver;
use crate::error::{ErrorKind, Fault};

/// Two lanes whose drivers do not run, with a sink.
fn idle(sink: DeadLetters) -> (Lanes<Json>, Vec<Driver>) {
    let client = Client::builder().endpoint("http://127.0.0.1:9").workspace_url("http://127.0.0.1:9").workspace_id("1");
    let client = client.credentials("id", "secret").build().unwrap();
    let two = NonZeroUsize::new(2).unwrap();
    let builder: Arc<LanesBuilder<Json>> = Arc::new(client.json_stream("main.test.rows").dead_letters(sink).lanes(two));
    let PreparedLanes { lanes, drivers, .. } = builder.prepare(builder.openings().unwrap().finish_blocking().unwrap());
    (lanes, drivers)
}

#[test]
fn a_row_that_is_to_blame_goes_to_the_sink_once_although_its_lane_gave_up() {
    let letters = Arc::<AtomicUsize>::default();
    let taken = Arc::clone(&letters);
    let sink = DeadLetters::callback(move |_| {
        taken.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let (lanes, _drivers) = idle(sink);
    let key = (0..1000).find(|key: &u32| lanes.inner.home(key) == 0).unwrap();
    lanes.inner.set.shared(0).fail(Fault::ShutDown.into());
    assert_eq!(lanes.try_send(&key, &RawJson("no")).unwrap_err().kind(), ErrorKind::Rejected);
    for lane in 0..2 {
        block_on(lanes.inner.set.shared(lane).letters_passed_on());
    }
    assert_eq!(letters.load(Ordering::SeqCst), 1);
    assert_eq!(lanes.try_send(&key, &RawJson("{}")).unwrap().lane(), 1, "a row that is not goes on another lane");
}
