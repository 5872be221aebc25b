//! The core against generated sequences of events, and a model of what the server has made durable.
//!
//! | file | what it owns |
//! |---|---|
//! | `steps` | what may happen to a session |
//! | `world` | a session, its calls, and the model of the server |
//! | `batching` | when a batch goes, and with which rows |
//! | `calls` | what counts that is said on a call, and what is void |
//! | `deadlines` | what ends a session, a call or a wait |
//! | `disk` | a session, its calls and its disk |
//! | `dropping` | rows that a full disk drops |
//! | `exactly_once` | persistent streams |
//! | `progress` | connections that end early, and rates |
//! | `refusals` | refused rows |
//! | `rotation` | the end of a call that the server announces |
//! | `rows` | which rows are accepted |
//! | `spooled` | rows on disk: when they are written, which are read back, what becomes of them |

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::error::{Details, Error, Fault, Status};
use crate::event::StreamEvent;
use crate::offset::Offset;
use crate::persisted::Persisted;
use crate::record_kind::RecordKind;

mod batching;
mod calls;
mod deadlines;
#[cfg(feature = "spool")]
mod disk;
#[cfg(feature = "spool")]
mod dropping;
#[cfg(feature = "spool")]
mod exactly_once;
mod progress;
mod refusals;
mod rotation;
mod rows;
#[cfg(feature = "spool")]
mod spooled;
mod steps;
mod world;

pub(super) use world::status;

use steps::*;
use world::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn every_accepted_row_ends_durable_or_returned(
        steps in prop::collection::vec(step(), 0..120),
        seed: u64,
        linger in prop_oneof![Just(0_u64), Just(50)],
        poison in prop_oneof![Just(NEVER), 2_u64..100],
        lags: bool,
    ) {
        let mut world = World::new(settings(Duration::from_millis(linger)), seed, poison);
        world.lags = lags;
        for step in &steps {
            world.step(step);
        }
        world.heal();
        world.settle();
    }
}
