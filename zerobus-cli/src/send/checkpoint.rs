//! The checkpoint: a file that records how many rows of each input are durable, so that the same command continues
//! there.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zerobus_codegen::TableName;

use super::checksum::Checksum;
use super::inputs::Inputs;
use crate::failure::Failure;
use crate::replace::Replacement;

/// The content of the file on disk.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    table: String,
    files: Vec<KeptFile>,
}

/// One file, and how many of its rows are durable or refused for good.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptFile {
    file: String,
    #[serde(flatten)]
    done: Done,
    /// Recognises the file, so that another file with its name is not mistaken for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    start: Option<Checksum>,
}

/// The first rows of a file, which are done: durable, or refused for good.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Done {
    /// How many rows.
    pub(super) rows: u64,
    /// The last of them, if it had no line end: once the file grows, it may be a part of a row.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) open: Option<Checksum>,
}

impl Done {
    /// Whether a row has to be sent: it comes after those that are done, or it is more than the part that is done.
    pub(super) fn lacks(&self, row: u64, read: impl FnOnce() -> Checksum) -> bool {
        row > self.rows || (row == self.rows && self.open.is_some_and(|open| open.is_shorter(&read())))
    }
}

/// The checkpoint of a run; without a path it exists only in memory.
#[derive(Debug)]
pub(super) struct Checkpoint {
    path: Option<PathBuf>,
    kept: Kept,
    /// The index of each input in `kept`.
    places: Vec<usize>,
    /// For each input, its last row and how many rows it has, if that row has no line end.
    ends: Vec<Option<(u64, Checksum)>>,
    is_saved: bool,
}

impl Checkpoint {
    /// Reads the checkpoint of an earlier run, or starts an empty one.
    pub(super) fn open(path: Option<&Path>, table: &TableName, inputs: &Inputs) -> Result<Self, Failure> {
        let fresh = || Kept { table: table.to_string(), files: Vec::new() };
        let mut kept = match path {
            None => fresh(),
            Some(path) => match fs::read(path) {
                Ok(text) => serde_json::from_slice(&text)
                    .map_err(|error| Failure::file("understand the checkpoint", path, error))?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => fresh(),
                Err(error) => return Err(Failure::file("read the checkpoint", path, error)),
            },
        };
        if kept.table != table.to_string() {
            return Err(Failure::text(format!(
                "the checkpoint is of {}, and the rows are for {table}; name another --checkpoint",
                kept.table
            )));
        }
        let mut places = Vec::new();
        for input in &inputs.0 {
            let name = input.name();
            let place = kept.files.iter().position(|kept| kept.file == name).unwrap_or(kept.files.len());
            let known = kept.files.get(place).and_then(|kept| kept.start);
            let start =
                input.path.as_deref().filter(|_| path.is_some()).map(|path| Checksum::of_start(path, known.as_ref()));
            let start = start.transpose()?;
            match kept.files.get_mut(place) {
                Some(kept) => kept.start = start,
                None => kept.files.push(KeptFile { file: name, done: Done::default(), start }),
            }
            places.push(place);
        }
        let ends = vec![None; places.len()];
        let mut checkpoint = Self { path: path.map(Path::to_owned), kept, places, ends, is_saved: false };
        // Saving here reports an unwritable path before the first row is sent.
        checkpoint.save()?;
        Ok(checkpoint)
    }

    /// Whether the checkpoint outlives the process.
    pub(super) const fn is_on_disk(&self) -> bool {
        self.path.is_some()
    }

    /// The rows of each input that are done.
    pub(super) fn done(&self) -> Vec<Done> {
        self.places.iter().map(|place| self.kept.files[*place].done).collect()
    }

    /// The names of the inputs.
    pub(super) fn names(&self) -> Vec<String> {
        self.places.iter().map(|place| self.kept.files[*place].file.clone()).collect()
    }

    /// Records that this many rows of an input are done.
    pub(super) fn reached(&mut self, input: usize, rows: u64) {
        let done = &mut self.kept.files[self.places[input]].done;
        if rows > done.rows {
            let open = self.ends[input].filter(|(last, _)| *last == rows).map(|(_, open)| open);
            *done = Done { rows, open };
            self.is_saved = false;
        }
    }

    /// Notes that an input ends with this row, which has no line end.
    pub(super) fn ends_with(&mut self, input: usize, row: u64, read: Checksum) {
        self.ends[input] = Some((row, read));
    }

    /// Goes back to this many rows of an input, if more of them count as done. Returns whether it did.
    pub(super) fn back_to(&mut self, input: usize, rows: u64) -> bool {
        let done = &mut self.kept.files[self.places[input]].done;
        let goes_back = rows < done.rows;
        if goes_back {
            *done = Done { rows, open: None };
            self.is_saved = false;
        }
        goes_back
    }

    /// Replaces the file on disk, if something changed.
    pub(super) fn save(&mut self) -> Result<(), Failure> {
        let Some(path) = self.path.as_deref().filter(|_| !self.is_saved) else { return Ok(()) };
        write(path, &self.kept).map_err(|error| Failure::file("write the checkpoint", path, error))?;
        self.is_saved = true;
        Ok(())
    }
}

fn write(path: &Path, kept: &Kept) -> io::Result<()> {
    let mut replacement = Replacement::of(path)?;
    serde_json::to_writer(replacement.file(), kept)?;
    replacement.file().write_all(b"\n")?;
    replacement.commit()
}
