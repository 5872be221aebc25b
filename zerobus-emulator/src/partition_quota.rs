//! The quota of partitions of one table that all its streams together may write within five seconds.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use zerobus_codegen::Table;

use crate::refusal::Refusal;
use crate::row::Row;

const WINDOW: Duration = Duration::from_secs(5);

/// The quotas of all tables.
#[derive(Debug)]
pub(crate) struct PartitionQuota {
    most: Option<usize>,
    tables: Mutex<HashMap<String, Window>>,
}

/// The partitions that were written within the current five seconds.
#[derive(Debug)]
struct Window {
    since: Instant,
    partitions: HashSet<u64>,
}

impl PartitionQuota {
    pub(crate) fn new(most: Option<usize>) -> Self {
        Self { most, tables: Mutex::default() }
    }

    /// Counts the partitions of a request; an error if there are too many.
    pub(crate) fn take(&self, table: &Table, rows: &[Row], now: Instant) -> Result<(), Refusal> {
        let Some(most) = self.most.filter(|_| !table.partition_columns.is_empty()) else { return Ok(()) };
        let partitions: HashSet<u64> = rows.iter().map(|row| partition(table, row)).collect();
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let window =
            tables.entry(table.name.to_string()).or_insert_with(|| Window { since: now, partitions: HashSet::new() });
        if now.saturating_duration_since(window.since) >= WINDOW {
            *window = Window { since: now, partitions: HashSet::new() };
        }
        let found = window.partitions.union(&partitions).count();
        if found > most {
            let seconds = WINDOW.as_secs();
            return Err(Refusal::over_quota(format_args!(
                "{found} partitions of the table within {seconds} seconds, more than {most}"
            )));
        }
        window.partitions.extend(partitions);
        Ok(())
    }
}

fn partition(table: &Table, row: &Row) -> u64 {
    let mut hasher = DefaultHasher::new();
    let columns = table.columns().iter().enumerate();
    for (place, column) in columns.filter(|(_, column)| table.partition_columns.contains(&column.name)) {
        format!("{:?}", row.cell(place, &column.data_type)).hash(&mut hasher);
    }
    hasher.finish()
}
