//! One seed: the hosts, the partitions, the verdict.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use turmoil::{Builder, Sim};

use crate::faults::{Faults, Poison};
use crate::network::serve;
use crate::program::{Program, Reports};
use crate::scripted::{Records, Scripted};

/// How far the network's time goes in one step.
pub const TICK: Duration = Duration::from_millis(10);

/// What a run leaves behind.
pub struct Run {
    /// What happened, and when.
    pub trace: Vec<(Duration, String)>,
}

/// Prints the trace of a run that fails, which is all that there is to find the fault with.
struct PrintWhenPanicking(Arc<Reports>);

impl Drop for PrintWhenPanicking {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let trace = self.0.trace.lock().unwrap_or_else(PoisonError::into_inner);
            trace.iter().for_each(|(at, what)| println!("{at:?} {what}"));
        }
    }
}

/// Runs a seed to its end.
pub fn run(seed: u64) -> Run {
    let mut random = Rng::with_seed(seed);
    // The client's own jitter.
    fastrand::seed(seed);
    let (calm_from, rate) = (random.usize(0..12), random.f64() * 0.5);
    let poison = Poison { one_of: if random.u8(..) < 60 { random.u64(20..200) } else { 0 } };
    let lanes = if random.u8(..) < 80 { random.usize(2..4) } else { 0 };
    let faults = Faults { seed, calm_from, rate, poison, has_lanes: lanes > 0 };
    let is_rough = random.u8(..) < 120;
    let program = Program {
        seed,
        actions: random.u32(1..40),
        closes: random.u8(..) < 200,
        linger: Duration::from_millis(if random.bool() { 0 } else { random.u64(1..30) }),
        lanes,
        poison,
        token_faults: if random.u8(..) < 60 { random.f64() * 0.6 } else { 0.0 },
    };
    let reports = Arc::new(Reports::default());
    let _printer = PrintWhenPanicking(Arc::clone(&reports));
    let mut sim = Builder::new()
        .rng_seed(seed)
        .tick_duration(TICK)
        .simulation_duration(Duration::from_secs(600))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(random.u64(2..100)))
        .tcp_capacity(4096)
        .build();
    let records = host_server(&mut sim, faults);
    sim.client("client", program.run(Arc::clone(&reports), Arc::clone(&records)));
    disturb(&mut sim, &mut random, is_rough);
    if !is_rough {
        assert_eq!(records.reading.load(Ordering::SeqCst), 0, "a call that is over has no request body left");
    }
    if lanes == 0 {
        check_first_deliveries(&records);
    }
    assert_eq!(*records.violations.lock().unwrap(), [""; 0]);
    let trace = std::mem::take(&mut *reports.trace.lock().unwrap());
    Run { trace }
}

fn host_server(sim: &mut Sim<'_>, faults: Faults) -> Arc<Records> {
    let service = Scripted::new(move |call| faults.clone().serve(call));
    let records = Arc::clone(&service.records);
    sim.host("server", move || serve(service.clone()));
    records
}

/// Runs the simulation, and parts and crashes its hosts meanwhile.
fn disturb(sim: &mut Sim<'_>, random: &mut Rng, is_rough: bool) {
    let mut next = Duration::from_millis(random.u64(0..5000));
    let mut disturbances = if is_rough { random.u32(1..5) } else { 0 };
    let mut is_parted = false;
    while !sim.step().expect("the program does not fail") {
        if sim.elapsed() < next || (disturbances == 0 && !is_parted) {
            continue;
        }
        next = sim.elapsed() + Duration::from_millis(random.u64(0..4000));
        if is_parted {
            sim.repair("client", "server");
            sim.release("client", "server");
            is_parted = false;
            continue;
        }
        disturbances -= 1;
        match random.u32(0..5) {
            0 => sim.partition("client", "server"),
            1 => sim.partition_oneway("server", "client"),
            2 => sim.partition_oneway("client", "server"),
            3 => sim.hold("client", "server"),
            _ => {
                sim.crash("server");
                sim.bounce("server");
                continue;
            }
        }
        is_parted = true;
    }
}

/// Rows become durable for the first time in the order in which they were sent, but for those that a program sent
/// again on a second stream.
fn check_first_deliveries(records: &Records) {
    let mut seen = std::collections::BTreeSet::new();
    let first: Vec<u64> = records.durable().into_iter().filter(|row| seen.insert(*row)).collect();
    let descents = first.windows(2).filter(|pair| pair[0] > pair[1]).count();
    assert!(descents <= 1, "rows become durable in their order: {first:?}");
}
