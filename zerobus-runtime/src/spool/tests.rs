//! The log on a disk that loses unsynced data, by seed: a crash at any operation, several in a row, and the invariants.

mod known_faults;
mod model;
mod replaced;
mod whole;

use model::{Model, Plan};

use std::time::Duration;

use whole::{Delivery, Scene, Whole};

use super::SpoolLevel;
use super::log::Durability;
use super::simulated::{Crash, Faults};
use crate::core::SpoolOverflow;

/// How many seeds a plain test run tries; `ZEROBUS_SPOOL_SEEDS` sets another number.
fn seeds() -> u64 {
    std::env::var("ZEROBUS_SPOOL_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(1000)
}

/// Runs a plan with every seed; a panic names the seed.
fn check(plan: Plan) {
    let only = std::env::var("ZEROBUS_SPOOL_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    for seed in only.map_or(0..seeds(), |seed| seed..seed + 1) {
        let run = std::panic::catch_unwind(|| Model::new(seed, plan).run());
        assert!(run.is_ok(), "seed {seed} of {plan:?} fails");
    }
}

const PLAN: Plan = Plan {
    durability: Durability::Power,
    crash: Crash::Power,
    faults: Faults { failures: 0, read_failures: 0, capacity: None },
    flips: false,
};

#[test]
fn a_synced_row_survives_the_loss_of_power() {
    check(PLAN);
}

#[test]
fn a_synced_row_survives_a_disk_that_fails_and_the_loss_of_power() {
    check(Plan { faults: Faults { failures: 30, read_failures: 30, capacity: None }, ..PLAN });
}

#[test]
fn a_synced_row_survives_a_full_disk_and_the_loss_of_power() {
    check(Plan { faults: Faults { capacity: Some(24 * 1024), ..Faults::default() }, ..PLAN });
}

#[test]
fn a_synced_row_survives_the_end_of_processes_and_the_loss_of_power_in_any_order() {
    check(Plan { crash: Crash::Either, ..PLAN });
    check(Plan { crash: Crash::Either, faults: Faults { failures: 30, ..Faults::default() }, ..PLAN });
}

#[test]
fn a_written_row_survives_the_end_of_the_process() {
    check(Plan { durability: Durability::Process, crash: Crash::Process, ..PLAN });
}

#[test]
fn a_written_row_survives_a_disk_that_fails_and_the_end_of_the_process() {
    let faults = Faults { failures: 30, read_failures: 30, capacity: Some(24 * 1024) };
    check(Plan { durability: Durability::Process, crash: Crash::Process, faults, ..PLAN });
}

#[test]
fn a_log_that_syncs_nothing_starts_after_the_loss_of_power() {
    check(Plan { durability: Durability::Process, ..PLAN });
}

#[test]
fn what_flipped_bits_destroy_is_named_and_the_rest_goes_on() {
    check(Plan { flips: true, ..PLAN });
    check(Plan { durability: Durability::Process, crash: Crash::Process, flips: true, ..PLAN });
}

#[test]
fn a_crash_at_every_single_operation_loses_no_synced_row() {
    for seed in 0..8 {
        let operations = Model::new(seed, PLAN).operations();
        for at in 0..operations {
            let run = std::panic::catch_unwind(|| Model::new(seed, PLAN).crash_at(at));
            assert!(run.is_ok(), "seed {seed} fails with a crash at operation {at} of {operations}");
        }
    }
}

/// Runs a scene with every seed; returns how many rows were dropped, or `None` for a single seed.
fn play(scene: Scene) -> Option<usize> {
    let only = std::env::var("ZEROBUS_SPOOL_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    let mut dropped = 0;
    for seed in only.map_or(0..seeds() / 2, |seed| seed..seed + 1) {
        let run = std::panic::catch_unwind(|| Whole::new(seed, scene).run());
        dropped += run.unwrap_or_else(|_| panic!("seed {seed} of {scene:?} fails"));
    }
    only.is_none().then_some(dropped)
}

const FAILING: Faults = Faults { failures: 20, read_failures: 0, capacity: Some(20 * 1024) };

#[test]
fn a_stream_whose_process_is_killed_delivers_every_spooled_row() {
    let scene = Scene {
        level: SpoolLevel::Process,
        crash: Crash::Process,
        faults: Faults::default(),
        delivery: Delivery::AtLeastOnce,
        overflow: SpoolOverflow::Wait,
    };
    play(scene);
    play(Scene { faults: FAILING, ..scene });
}

#[test]
fn a_stream_whose_machine_loses_its_power_delivers_every_spooled_row() {
    let scene = Scene {
        level: SpoolLevel::Power,
        crash: Crash::Power,
        faults: Faults::default(),
        delivery: Delivery::AtLeastOnce,
        overflow: SpoolOverflow::Wait,
    };
    play(scene);
    play(Scene { faults: FAILING, ..scene });
}

#[test]
fn a_stream_that_syncs_now_and_then_keeps_what_it_promised() {
    let level = SpoolLevel::Interval(Duration::from_millis(500));
    let scene = Scene {
        level,
        crash: Crash::Power,
        faults: Faults::default(),
        delivery: Delivery::AtLeastOnce,
        overflow: SpoolOverflow::Wait,
    };
    play(scene);
    play(Scene { faults: FAILING, ..scene });
    play(Scene { crash: Crash::Process, ..scene });
}

#[test]
fn a_full_spool_that_drops_the_oldest_rows_names_each_that_is_missing() {
    let overflow = SpoolOverflow::DropOldest;
    for (level, crash) in [(SpoolLevel::Process, Crash::Process), (SpoolLevel::Power, Crash::Power)] {
        let scene = Scene { level, crash, faults: Faults::default(), delivery: Delivery::AtLeastOnce, overflow };
        assert_ne!(play(scene), Some(0), "the spool was never full");
        play(Scene { faults: FAILING, ..scene });
    }
}

#[test]
fn every_row_is_in_the_table_exactly_once_over_persistent_streams() {
    let delivery = Delivery::ExactlyOnce;
    let interval = SpoolLevel::Interval(Duration::from_millis(500));
    for (level, crash) in [
        (SpoolLevel::Process, Crash::Process),
        (SpoolLevel::Power, Crash::Power),
        (interval, Crash::Power),
        (SpoolLevel::Process, Crash::Power),
    ] {
        play(Scene { level, crash, faults: FAILING, delivery, overflow: SpoolOverflow::DropNewest });
    }
}
