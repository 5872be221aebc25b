//! The whole client in a simulated network on simulated time, by seed.
//!
//! `SIMULATION_SEEDS=20000 cargo test -p zerobus-runtime --test simulation` runs more seeds,
//! `SIMULATION_SEED=17` the one that failed. A seed decides what the program does, what the server does, and what the
//! network does to both; it runs the same way every time.
//!
//! | file | what it owns |
//! |---|---|
//! | `network` | TCP of the simulation under client and server |
//! | `faults` | how the server misbehaves |
//! | `program` | what the program does with its stream, and what the stream reported |
//! | `lanes` | the same for many lanes |
//! | `rates` | the rate limits of a stream |
//! | `tokens` | a token endpoint that is slow and fails |
//! | `run` | one seed: the hosts, the partitions, the verdict |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]
#![allow(unreachable_pub, reason = "the modules of one test binary")]

mod faults;
mod lanes;
mod network;
mod program;
mod rates;
mod run;
#[path = "../scripted/mod.rs"]
mod scripted;
mod tokens;

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use run::{TICK, run};

const SEEDS: u64 = 1000;

/// What must happen in some of the seeds, by a part of its line in a trace; else the simulation proves less than it
/// says.
const HAPPENINGS: [(&str, &str); 18] = [
    ("an ack above what was sent", "but only the offsets below"),
    ("an ack below the last one", " after offset "),
    ("an ack timeout", "made nothing durable for"),
    ("a close signal", "Closing {"),
    ("a delivery timeout", "was not durable within"),
    ("an open timeout", "was not opened within"),
    ("a close that returns rows", "closed: Err"),
    ("a close that delivers", "closed: Ok"),
    ("a token refused", "valid authentication credentials"),
    ("a stream ended for its age", "Error Code: 6002"),
    ("a dropped stream that fails", "dropped: Err"),
    ("a dropped stream that delivers", "dropped: Ok"),
    ("an open that fails", "open failed"),
    ("a row that is refused", "Rejected {"),
    ("a token endpoint that fails", "the token endpoint is away"),
    ("lanes that deliver", "closed lanes: Ok"),
    ("lanes that return rows", "closed lanes: Err"),
    ("lanes that are dropped", "dropped lanes:"),
];

#[test]
fn no_row_is_lost_whatever_happens() {
    if let Some(seed) = variable("SIMULATION_SEED") {
        for (at, what) in run(seed).trace {
            println!("{at:?} {what}");
        }
        return;
    }
    let seeds = variable("SIMULATION_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    let happened = Mutex::new(BTreeMap::<&str, u64>::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    let Ok(run) = catch_unwind(|| run(seed)) else {
                        next.store(seeds, Ordering::Relaxed);
                        panic!("seed {seed} failed; SIMULATION_SEED={seed} runs it again");
                    };
                    let is_in = |text: &str| run.trace.iter().any(|(_, line)| line.contains(text));
                    let mut happened = happened.lock().unwrap();
                    for (what, _) in HAPPENINGS.into_iter().filter(|(_, text)| is_in(text)) {
                        *happened.entry(what).or_default() += 1;
                    }
                }
            });
        }
    });
    let happened = happened.into_inner().unwrap();
    println!("in how many of {seeds} seeds: {happened:?}");
    if seeds >= SEEDS {
        assert_eq!(happened.len(), HAPPENINGS.len(), "{happened:?}");
    }
}

#[test]
fn a_seed_runs_the_same_way_every_time() {
    for seed in 0..25 {
        let (first, second) = (run(seed).trace, run(seed).trace);
        let what = |trace: &[(_, String)]| trace.iter().map(|(_, what)| what.clone()).collect::<Vec<_>>();
        assert_eq!(what(&first), what(&second), "seed {seed}");
        for ((at, what), (again, _)) in first.iter().zip(&second) {
            // Timers are rounded to milliseconds from a start of their own, so an event may fall into the tick beside
            // it, and what follows from it does too.
            assert!(at.abs_diff(*again) <= 10 * TICK, "seed {seed}: {what} at {at:?}, and again at {again:?}");
        }
    }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}
