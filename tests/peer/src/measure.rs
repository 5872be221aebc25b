//! Measurements: CPU, memory and allocations of this process, and the latency of rows.

use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::{Deserialize, Serialize};
use stats_alloc::INSTRUMENTED_SYSTEM;

use crate::Failure;

/// The report that a client prints after its plan.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Report {
    /// Rows sent and acknowledged.
    pub rows: u64,
    /// The time from the first `send` until every row is durable.
    pub wall_ns: u64,
    /// CPU time of the process during that time, user and system.
    pub cpu_ns: u64,
    /// The part of the CPU time that the kernel used.
    pub system_ns: u64,
    /// Peak resident memory of the process, in bytes.
    pub peak_bytes: u64,
    /// The same before the first `send`: the program, the rows to send, the open connection.
    pub idle_bytes: u64,
    /// Allocations and reallocations during that time; zero in a program that does not count them.
    pub allocations: u64,
    /// The median time from `send` to durable.
    pub p50_ns: u64,
    /// The 99th percentile of the time from `send` to durable.
    pub p99_ns: u64,
}

/// The resource usage of the process at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    at: std::time::Instant,
    user: i64,
    system: i64,
    peak_bytes: u64,
    allocations: usize,
}

impl Usage {
    /// The current usage.
    ///
    /// # Errors
    /// If the system does not report it.
    pub fn now() -> Result<Self, Failure> {
        let usage = getrusage(UsageWho::RUSAGE_SELF)?;
        let allocated = INSTRUMENTED_SYSTEM.stats();
        Ok(Self {
            at: std::time::Instant::now(),
            user: usage.user_time().num_microseconds(),
            system: usage.system_time().num_microseconds(),
            peak_bytes: peak_bytes()?,
            allocations: allocated.allocations + allocated.reallocations,
        })
    }

    /// The report of the usage since then.
    ///
    /// # Errors
    /// If the system does not report it.
    pub fn report(self, rows: u64, latencies: &mut [Duration]) -> Result<Report, Failure> {
        let now = Self::now()?;
        let micros = |then: i64, now: i64| u64::try_from(now - then).map(|micros| micros * 1000);
        let system_ns = micros(self.system, now.system)?;
        latencies.sort_unstable();
        Ok(Report {
            rows,
            wall_ns: nanos(now.at - self.at),
            cpu_ns: micros(self.user, now.user)? + system_ns,
            system_ns,
            peak_bytes: now.peak_bytes,
            idle_bytes: self.peak_bytes,
            allocations: (now.allocations - self.allocations) as u64,
            p50_ns: quantile(latencies, 50),
            p99_ns: quantile(latencies, 99),
        })
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn quantile(sorted: &[Duration], percent: usize) -> u64 {
    sorted.get(sorted.len() * percent / 100).map_or(0, |latency| nanos(*latency))
}

/// `VmHWM` of the process.
fn peak_bytes() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM in /proc/self/status")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024)
}
