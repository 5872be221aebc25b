//! The files of a table, by partition and in the order of their rows; and which of them to merge.
//!
//! Files are merged like the levels of a log-structured tree: a level holds files of [`FAN_IN`] times the rows of the
//! one below, and as many files of a level as the fan-in become one of the next. So a row is rewritten once a level,
//! and a table has few files however small its commits are. Only neighbours are merged, so rows keep their order.

use std::collections::{BTreeMap, HashMap};

use super::data_file::DataFile;

/// Files that become one.
const FAN_IN: usize = 32;
/// The same in a table with partitions, each of which has files of its own.
const PARTITION_FAN_IN: usize = 8;
/// This many times the fan-in of neighbours are merged at any level.
const MANY: usize = 8;
/// A file of this size is not merged again.
const SEALED_BYTES: u64 = 32 << 20;
/// A file of this many rows is not merged again.
const SEALED_ROWS: u64 = 1 << 20;

/// The live files that this emulator has written.
#[derive(Debug, Default)]
pub(super) struct Files {
    partitions: HashMap<BTreeMap<String, String>, Vec<DataFile>>,
    count: usize,
    bytes: u64,
}

impl Files {
    pub(super) fn new(mut files: Vec<DataFile>) -> Self {
        files.sort_by_key(|file| file.place);
        let mut all = Self::default();
        for file in files {
            all.add(file);
        }
        all
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds a file, usually the last of its partition.
    pub(super) fn add(&mut self, file: DataFile) {
        self.count += 1;
        self.bytes += file.bytes;
        let files = self.partitions.entry(file.partition.clone()).or_default();
        let place = files.partition_point(|other| other.place <= file.place);
        files.insert(place, file);
    }

    /// Whether the files are live and consecutive.
    pub(super) fn has(&self, files: &[DataFile], partition: &BTreeMap<String, String>) -> bool {
        self.position(files, partition).is_some()
    }

    /// Removes files that were merged.
    pub(super) fn remove(&mut self, merged: &[DataFile], partition: &BTreeMap<String, String>) {
        let Some(start) = self.position(merged, partition) else { return };
        let Some(files) = self.partitions.get_mut(partition) else { return };
        files.drain(start..start + merged.len());
        self.count -= merged.len();
        self.bytes -= merged.iter().map(|file| file.bytes).sum::<u64>();
    }

    fn position(&self, run: &[DataFile], partition: &BTreeMap<String, String>) -> Option<usize> {
        let files = self.partitions.get(partition)?;
        let start = files.iter().position(|file| Some(file) == run.first())?;
        (files.get(start..start + run.len()) == Some(run)).then_some(start)
    }

    /// Files of this partition that are worth a merge.
    pub(super) fn to_merge(&self, partition: &BTreeMap<String, String>) -> Option<&[DataFile]> {
        let files = self.partitions.get(partition)?;
        let fan_in = if partition.is_empty() && self.partitions.len() == 1 { FAN_IN } else { PARTITION_FAN_IN };
        if files.len() < fan_in {
            return None;
        }
        let step = fan_in.ilog2();
        (0..=SEALED_ROWS.ilog2() / step).find_map(|level| {
            let larger = files.iter().rposition(|file| file.is_sealed() || file.level(step) > level);
            let run = &files[larger.map_or(0, |place| place + 1)..];
            let of_level = run.iter().filter(|file| file.level(step) == level).count();
            (of_level >= fan_in || run.len() >= MANY * fan_in).then_some(run)
        })
    }
}

impl DataFile {
    const fn is_sealed(&self) -> bool {
        self.rows >= SEALED_ROWS || self.bytes >= SEALED_BYTES
    }

    const fn level(&self, step: u32) -> u32 {
        match self.rows.checked_ilog2() {
            Some(bits) => bits / step,
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::data_file::Place;
    use super::*;

    fn file(version: u64, rows: u64) -> DataFile {
        DataFile {
            path: version.to_string(),
            place: Place { version, number: 0 },
            bytes: rows * 10,
            rows,
            modified: 0,
            partition: BTreeMap::new(),
        }
    }

    /// Commits files of these rows, merging what is worth it; returns the files left and how many rows were rewritten.
    fn commit(rows: impl Iterator<Item = u64>) -> (Files, u64) {
        let mut files = Files::default();
        let mut rewritten = 0;
        for (version, rows) in rows.enumerate() {
            files.add(file(version as u64, rows));
            while let Some(run) = files.to_merge(&BTreeMap::new()).map(<[_]>::to_vec) {
                let merged = file(run[0].place.version, run.iter().map(|file| file.rows).sum());
                rewritten += merged.rows;
                files.remove(&run, &BTreeMap::new());
                files.add(merged);
            }
        }
        (files, rewritten)
    }

    #[test]
    fn small_commits_leave_few_files_and_a_row_is_rewritten_once_a_level() {
        let (files, rewritten) = commit(std::iter::repeat_n(1, 100_000));
        assert!(files.count() < 4 * FAN_IN, "{} files", files.count());
        assert!(rewritten < 100_000 * 4, "{rewritten} rows rewritten");
    }

    #[test]
    fn rows_keep_their_order_and_large_files_are_left_alone() {
        let (files, rewritten) = commit((0..1_000).map(|n| if n % 10 == 0 { SEALED_ROWS } else { n % 7 + 1 }));
        assert_eq!(rewritten, 0, "runs of nine files between large ones are left alone");
        let (more, _) = commit((0..3_000).map(|n| n % 7 + 1));
        for files in [files, more] {
            let places: Vec<Place> = files.partitions[&BTreeMap::new()].iter().map(|file| file.place).collect();
            assert!(places.is_sorted());
        }
    }

    #[test]
    fn a_run_that_is_no_longer_whole_is_left_alone() {
        let mut files = Files::new((0..40).map(|version| file(version, 1)).collect());
        let run = files.to_merge(&BTreeMap::new()).unwrap().to_vec();
        files.remove(&run[1..], &BTreeMap::new());
        assert!(!files.has(&run, &BTreeMap::new()));
        files.remove(&run, &BTreeMap::new());
        assert_eq!((files.count(), files.bytes()), (1, 10));
    }
}
