//! The files of a table's log: what each of them is by its name, which checkpoints are whole, and where a reader begins.
//!
//! | name, behind the version | what it is |
//! |---|---|
//! | `json` | a commit |
//! | `crc` | a checksum |
//! | `checkpoint.parquet` | a checkpoint in one file |
//! | `checkpoint.0000000002.0000000003.parquet` | part 2 of a checkpoint in 3 files |
//! | `checkpoint.<UUID>.parquet`, `.json` | a V2 checkpoint; `sidecars` finds the files that it names |

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

const UUID_LENGTH: usize = 36;

/// What a file in a log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogFile {
    Checkpoint(Scheme),
    Checksum,
    Commit,
}

/// How a checkpoint is spread over files. Of several checkpoints of one version, readers prefer the last of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scheme {
    One,
    Part { number: u32, of: u32 },
    Uuid,
}

/// A file in the log.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) version: u64,
    pub(super) name: String,
    pub(super) file: LogFile,
    pub(super) metadata: Metadata,
}

/// A checkpoint that has all of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checkpoint {
    pub(super) version: u64,
    pub(super) files: Vec<String>,
}

/// From where a reader reads the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    Checkpoint(Checkpoint),
    First,
}

/// A log without a beginning that has a part of a checkpoint.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the log begins with a checkpoint of version {version} of which files are missing or empty (found: {found}); restore them, or remove the table's folder"
)]
pub(super) struct Incomplete {
    pub(super) version: u64,
    pub(super) found: String,
}

impl Checkpoint {
    /// A checkpoint in one file, as this emulator writes them.
    pub(super) fn own(version: u64) -> Self {
        Self { version, files: vec![checkpoint_name(version)] }
    }
}

impl Start {
    pub(super) fn is_in(&self, log: &Path) -> bool {
        match self {
            Self::Checkpoint(checkpoint) => checkpoint.files.iter().all(|name| log.join(name).is_file()),
            Self::First => log.join(commit_name(0)).is_file(),
        }
    }

    pub(super) const fn version(&self) -> u64 {
        match self {
            Self::Checkpoint(checkpoint) => checkpoint.version,
            Self::First => 0,
        }
    }
}

/// The folder of a table's log.
pub(super) fn folder(table: &Path) -> PathBuf {
    table.join("_delta_log")
}

/// The file of one version.
pub(super) fn commit_name(version: u64) -> String {
    format!("{version:020}.json")
}

/// The checkpoint of this version that this emulator writes.
pub(super) fn checkpoint_name(version: u64) -> String {
    format!("{version:020}.checkpoint.parquet")
}

/// The files of a log that belong to a version.
pub(super) fn list(log: &Path) -> io::Result<Vec<Listed>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(log)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string()
            && let Some((version, file)) = parse_name(&name)
        {
            // A file may be removed at any moment.
            match entry.metadata() {
                Ok(metadata) => files.push(Listed { version, name, file, metadata }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(files)
}

/// The whole checkpoints among the files of a log, the one that readers prefer last. Readers skip empty files.
pub(super) fn checkpoints(files: &[Listed]) -> Vec<Checkpoint> {
    let mut found: BTreeMap<(u64, Scheme, &str), Vec<&Listed>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.metadata.len() > 0) {
        let LogFile::Checkpoint(scheme) = file.file else { continue };
        let key = match scheme {
            // All parts of the same number of parts.
            Scheme::Part { of, .. } => (file.version, Scheme::Part { number: 0, of }, ""),
            Scheme::One | Scheme::Uuid => (file.version, scheme, file.name.as_str()),
        };
        found.entry(key).or_default().push(file);
    }
    let whole = found.into_iter().filter(|((_, scheme, _), files)| match scheme {
        Scheme::Part { of, .. } => files.len() == *of as usize,
        Scheme::One | Scheme::Uuid => true,
    });
    let checkpoint = |((version, _, _), files): ((u64, Scheme, &str), Vec<&Listed>)| {
        let mut files: Vec<String> = files.into_iter().map(|file| file.name.clone()).collect();
        files.sort_unstable();
        Checkpoint { version, files }
    };
    whole.map(checkpoint).collect()
}

/// Where the log of a table begins; none if there is no table: a kill may have left the folder of a log whose first
/// commit never came.
pub(super) fn start(table: &Path) -> Result<Option<Start>, Incomplete> {
    let Ok(files) = list(&folder(table)) else { return Ok(None) };
    if let Some(last) = checkpoints(&files).pop() {
        return Ok(Some(Start::Checkpoint(last)));
    }
    if files.iter().any(|file| file.version == 0 && file.file == LogFile::Commit) {
        return Ok(Some(Start::First));
    }
    incomplete(&files).map_or(Ok(None), Err)
}

fn incomplete(files: &[Listed]) -> Option<Incomplete> {
    let parts = || files.iter().filter(|file| matches!(file.file, LogFile::Checkpoint(_)));
    let version = parts().map(|file| file.version).max()?;
    let mut found: Vec<&str> = parts().filter(|file| file.version == version).map(|file| file.name.as_str()).collect();
    found.sort_unstable();
    Some(Incomplete { version, found: found.join(", ") })
}

/// The version of a file in a log, and what the file is.
pub(super) fn parse_name(name: &str) -> Option<(u64, LogFile)> {
    let mut parts = name.split('.');
    let version = number(parts.next()?, 20)?;
    let parts: Vec<&str> = parts.collect();
    let file = match parts[..] {
        ["json"] => LogFile::Commit,
        ["crc"] => LogFile::Checksum,
        ["checkpoint", "parquet"] => LogFile::Checkpoint(Scheme::One),
        ["checkpoint", uuid, "json" | "parquet"] if uuid.len() == UUID_LENGTH => LogFile::Checkpoint(Scheme::Uuid),
        ["checkpoint", part, of, "parquet"] => {
            let (number, of) = (number(part, 10)?, number(of, 10)?);
            let (number, of) = (u32::try_from(number).ok()?, u32::try_from(of).ok()?);
            (1..=of).contains(&number).then_some(LogFile::Checkpoint(Scheme::Part { number, of }))?
        }
        _ => return None,
    };
    Some((version, file))
}

fn number(text: &str, digits: usize) -> Option<u64> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const UUID: &str = "80a083e8-7026-4e79-81be-64bd76c43a11";

    /// A log of these files; an empty text is an empty file.
    pub(in super::super) fn log(files: &[(&str, &str)]) -> tempfile::TempDir {
        let table = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder(table.path())).unwrap();
        for (name, text) in files {
            std::fs::write(folder(table.path()).join(name), text).unwrap();
        }
        table
    }

    pub(in super::super) fn name(version: u64, rest: &str) -> String {
        format!("{version:020}.{rest}")
    }

    #[test]
    fn a_name_says_what_a_file_is() {
        let part = |number, of| Some((7, LogFile::Checkpoint(Scheme::Part { number, of })));
        for (rest, expected) in [
            ("json", Some((7, LogFile::Commit))),
            ("crc", Some((7, LogFile::Checksum))),
            ("checkpoint.parquet", Some((7, LogFile::Checkpoint(Scheme::One)))),
            ("checkpoint.0000000002.0000000003.parquet", part(2, 3)),
            (&format!("checkpoint.{UUID}.json"), Some((7, LogFile::Checkpoint(Scheme::Uuid)))),
            (&format!("checkpoint.{UUID}.parquet"), Some((7, LogFile::Checkpoint(Scheme::Uuid)))),
            ("checkpoint.0000000004.0000000003.parquet", None),
            ("checkpoint.0000000000.0000000003.parquet", None),
            ("checkpoint.json", None),
            ("checkpoint.other.parquet", None),
            ("00000000000000000009.compacted.json", None),
            ("json.tmp", None),
        ] {
            assert_eq!(parse_name(&name(7, rest)), expected, "{rest}");
        }
        for name in ["7.json", "+0000000000000000007.json", ".00000000000000000007.json", "_last_checkpoint", ""] {
            assert_eq!(parse_name(name), None, "{name}");
        }
    }

    #[test]
    fn a_reader_begins_at_the_last_checkpoint_that_has_all_of_its_files() {
        let first = (name(0, "json"), "x");
        let part = |number, of| name(9, &format!("checkpoint.{number:010}.{of:010}.parquet"));
        let whole = [(part(1, 2), "x"), (part(2, 2), "x")];
        let missing = [(part(1, 3), "x"), (part(3, 3), "x")];
        let empty = [(part(1, 2), "x"), (part(2, 2), "")];
        let older = (name(4, "checkpoint.parquet"), "x");
        let json = (name(9, &format!("checkpoint.{UUID}.json")), "x");
        let incomplete = || {
            let found = format!("{}, {}", missing[0].0, missing[1].0);
            Incomplete { version: 9, found }
        };
        let at = |version, files: &[&str]| {
            let files = files.iter().map(|name| (*name).to_owned()).collect();
            Ok(Some(Start::Checkpoint(Checkpoint { version, files })))
        };
        for (files, expected) in [
            (vec![], Ok(None)),
            (vec![(name(3, "json"), "x")], Ok(None)),
            (vec![first.clone()], Ok(Some(Start::First))),
            ([&[first.clone()][..], &whole].concat(), at(9, &[&part(1, 2), &part(2, 2)])),
            ([&[first.clone()][..], &missing].concat(), Ok(Some(Start::First))),
            ([&[older.clone()][..], &missing].concat(), at(4, &[&older.0])),
            ([&[older.clone()][..], &empty].concat(), at(4, &[&older.0])),
            ([&[json.clone()][..], &whole].concat(), at(9, &[&json.0])),
            (missing.to_vec(), Err(incomplete())),
        ] {
            let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
            assert_eq!(start(log(&files).path()), expected, "{files:?}");
        }
    }
}
