//! What keeps a table's log from being read, where its files show it: which file it is, and what to do about it.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use serde_json::{Map, Value};
use zerobus_codegen::Printable;

use super::log::{self, Checkpoint, Incomplete, LogFile, Start};
use super::sidecars;

const HINT: &str = "_last_checkpoint";
/// A Parquet file ends with these bytes.
const PARQUET_END: &[u8; 4] = b"PAR1";

/// Why a log cannot be read, and what to do about it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Damage {
    #[error(
        "the commit {name} is damaged; restore the file, or empty the table (`DELETE /emulator/tables/<name>/rows`, or remove its folder)"
    )]
    Commit { name: String },
    #[error(
        "the log has no commit of version {version}, and has later ones; restore the file, or empty the table (`DELETE /emulator/tables/<name>/rows`, or remove its folder)"
    )]
    Gap { version: u64 },
    #[error(
        "{HINT} names version {version}, and the log has no whole checkpoint of it or of a later version; remove {HINT}, and readers look for an older one"
    )]
    Hint { version: u64 },
    #[error(transparent)]
    Incomplete(#[from] Incomplete),
    #[error(
        "the checkpoint {checkpoint} names the sidecar {}, which is missing; restore the file, or remove the checkpoint and {HINT}, and readers take an older one if the log still has the commits since", Printable(.sidecar)
    )]
    Sidecar { checkpoint: String, sidecar: String },
    #[error(
        "the checkpoint {name} is torn; remove it and {HINT}, and readers take an older one if the log still has the commits since"
    )]
    Torn { name: String },
}

/// What keeps the log of a table from being read, if its files show it.
pub(super) fn of(table: &Path) -> Option<Damage> {
    let log = log::folder(table);
    match log::start(table) {
        Err(incomplete) => Some(incomplete.into()),
        Ok(start) => {
            let start = start?;
            let found = bad_hint(&log, &start).or_else(|| checkpoint(&log, &start));
            found.or_else(|| commits(&log, &start))
        }
    }
}

fn bad_hint(log: &Path, start: &Start) -> Option<Damage> {
    let hint: Value = serde_json::from_slice(&std::fs::read(log.join(HINT)).ok()?).ok()?;
    let version = hint.get("version")?.as_u64()?;
    let found = matches!(start, Start::Checkpoint(checkpoint) if checkpoint.version >= version);
    (!found).then_some(Damage::Hint { version })
}

fn checkpoint(log: &Path, start: &Start) -> Option<Damage> {
    let Start::Checkpoint(checkpoint) = start else { return None };
    torn(log, checkpoint).or_else(|| missing_sidecar(log, checkpoint))
}

fn torn(log: &Path, checkpoint: &Checkpoint) -> Option<Damage> {
    let parquet = checkpoint.files.iter().filter(|name| name.ends_with(".parquet"));
    let mut torn = parquet.filter(|name| ends_torn(&log.join(name)).unwrap_or_default());
    torn.next().map(|name| Damage::Torn { name: name.clone() })
}

fn missing_sidecar(log: &Path, checkpoint: &Checkpoint) -> Option<Damage> {
    for name in &checkpoint.files {
        // A checkpoint that cannot be read has another damage.
        let sidecars = sidecars::named(&log.join(name)).unwrap_or_default();
        let mut missing = sidecars.into_iter().filter(|sidecar| sidecar.path.try_exists().is_ok_and(|exists| !exists));
        if let Some(sidecar) = missing.next() {
            return Some(Damage::Sidecar { checkpoint: name.clone(), sidecar: sidecar.name });
        }
    }
    None
}

/// Whether a Parquet file lacks its end; an error if that cannot be known.
fn ends_torn(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let mut end = [0; 4];
    let length = i64::try_from(end.len()).map_err(io::Error::other)?;
    if file.seek(SeekFrom::End(-length)).is_err() {
        return Ok(true);
    }
    file.read_exact(&mut end)?;
    Ok(&end != PARQUET_END)
}

/// A damaged or missing commit among those that a reader reads.
fn commits(log: &Path, start: &Start) -> Option<Damage> {
    let mut versions: Vec<u64> =
        log::list(log).ok()?.into_iter().filter(|file| file.file == LogFile::Commit).map(|file| file.version).collect();
    // A checkpoint contains the commit of its version.
    let first = if matches!(start, Start::First) { 0 } else { start.version() + 1 };
    versions.retain(|version| *version >= first);
    versions.sort_unstable();
    for (expected, version) in (first..).zip(versions) {
        if version != expected {
            return Some(Damage::Gap { version: expected });
        }
        let name = log::commit_name(version);
        if std::fs::read(log.join(&name)).is_ok_and(|text| !has_actions(&text)) {
            return Some(Damage::Commit { name });
        }
    }
    None
}

/// Whether each line of a commit is an action. Other writers end a commit without a line break.
pub(super) fn has_actions(text: &[u8]) -> bool {
    let is_action = |line: &[u8]| serde_json::from_slice::<Map<_, Value>>(line).is_ok();
    text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n').all(is_action)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::delta::log::tests::{log, name};

    #[test]
    fn what_damages_a_log_is_named() {
        let first = (name(0, "json"), "{}");
        let part = (name(9, "checkpoint.0000000001.0000000002.parquet"), "PAR1");
        let torn = (name(9, "checkpoint.parquet"), "PAR1 and then");
        let whole = (name(9, "checkpoint.parquet"), "PAR1 and PAR1");
        let hint = ("_last_checkpoint".to_owned(), "{\"version\":9,\"size\":1}");
        let cut = ("_last_checkpoint".to_owned(), "{\"vers");
        for (files, expected) in [
            (vec![&first], None),
            (vec![&first, &cut], None),
            (vec![&whole, &hint], None),
            (vec![&part, &hint], Some(Incomplete { version: 9, found: part.0.clone() }.into())),
            (vec![&first, &part, &hint], Some(Damage::Hint { version: 9 })),
            (vec![&torn, &hint], Some(Damage::Torn { name: torn.0.clone() })),
        ] {
            let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
            assert_eq!(of(log(&files).path()), expected, "{files:?}");
        }
    }
}
