//! The files in `_sidecars` that a V2 checkpoint consists of beside its own file.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use delta_kernel::arrow::array::{AsArray as _, RecordBatch};
use delta_kernel::arrow::compute::cast;
use delta_kernel::arrow::datatypes::DataType;
use delta_kernel::parquet::arrow::ProjectionMask;
use delta_kernel::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use url::Url;

use super::data_file::local_path;
use super::disk;
use super::log::{self, LogFile};

const FOLDER: &str = "_sidecars";
/// The age from which a sidecar that no checkpoint names is not one of a checkpoint that is being written: the
/// protocol's own limit.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// A sidecar of a checkpoint.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sidecar {
    /// As the checkpoint names it.
    pub(super) name: String,
    pub(super) path: PathBuf,
}

/// The sidecars that a checkpoint names.
pub(super) fn named(checkpoint: &Path) -> io::Result<BTreeSet<Sidecar>> {
    let names = match checkpoint.extension() {
        Some(extension) if extension == "json" => in_json(checkpoint)?,
        _ => in_parquet(checkpoint)?,
    };
    let log = checkpoint.parent().unwrap_or(Path::new("."));
    let folder =
        Url::from_directory_path(log.join(FOLDER)).map_err(|()| io::Error::other("the log's path is not absolute"))?;
    let sidecar = |name: String| {
        let url = folder.join(&name).map_err(io::Error::other)?;
        Ok(Sidecar { path: local_path(&url).map_err(io::Error::other)?, name })
    };
    names.into_iter().map(sidecar).collect()
}

/// Removes the sidecars that no remaining checkpoint of the log names: those of checkpoints that were removed, and
/// those that nobody has named for a day.
pub(super) fn clean_up(log: &Path, removed: &BTreeSet<Sidecar>) -> io::Result<()> {
    let folder = log.join(FOLDER);
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let removed: BTreeSet<&Path> = removed.iter().map(|sidecar| sidecar.path.as_path()).collect();
    let mut candidates = Vec::new();
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_file() && (removed.contains(path.as_path()) || is_abandoned(&path)) {
            candidates.push(path);
        }
    }
    if candidates.is_empty() {
        return Ok(());
    }
    // Behind the list of candidates: what was written meanwhile is none.
    let remaining = of_log(log)?;
    let named: BTreeSet<&Path> = remaining.iter().map(|sidecar| sidecar.path.as_path()).collect();
    for path in candidates.into_iter().filter(|path| !named.contains(path.as_path())) {
        tracing::debug!(path = %path.display(), "a sidecar that no checkpoint names is removed");
        disk::remove_file(&path)?;
    }
    Ok(())
}

/// The sidecars of all checkpoints in a log; an error if one of these cannot be read.
fn of_log(log: &Path) -> io::Result<BTreeSet<Sidecar>> {
    let mut sidecars = BTreeSet::new();
    for file in log::list(log)?.into_iter().filter(|file| matches!(file.file, LogFile::Checkpoint(_))) {
        sidecars.extend(named(&log.join(file.name))?);
    }
    Ok(sidecars)
}

fn is_abandoned(path: &Path) -> bool {
    let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| SystemTime::now().duration_since(modified).is_ok_and(|age| age >= ABANDONED))
}

fn in_json(checkpoint: &Path) -> io::Result<Vec<String>> {
    let text = std::fs::read(checkpoint)?;
    let mut names = Vec::new();
    for action in serde_json::Deserializer::from_slice(&text).into_iter::<Value>() {
        if let Some(name) = action?["sidecar"]["path"].as_str() {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

fn in_parquet(checkpoint: &Path) -> io::Result<Vec<String>> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(checkpoint)?)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), ["sidecar.path"]);
    let mut names = Vec::new();
    for batch in builder.with_projection(mask).build()? {
        names.extend(paths(&batch.map_err(io::Error::other)?)?);
    }
    Ok(names)
}

fn paths(batch: &RecordBatch) -> io::Result<Vec<String>> {
    // A checkpoint of the first version has no such column.
    let column = batch.column_by_name("sidecar").and_then(|sidecars| sidecars.as_struct_opt()?.column_by_name("path"));
    let Some(column) = column else { return Ok(Vec::new()) };
    let texts = cast(column, &DataType::Utf8).map_err(io::Error::other)?;
    Ok(texts.as_string::<i32>().iter().flatten().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use delta_kernel::arrow::array::{Int64Array, StringArray, StructArray};
    use delta_kernel::arrow::datatypes::{Field, Fields, Schema};
    use delta_kernel::parquet::arrow::ArrowWriter;

    use super::*;

    /// A checkpoint in Parquet that names these sidecars, between other actions.
    fn parquet(path: &Path, names: &[Option<&str>]) {
        let field = Field::new("path", DataType::Utf8, true);
        let sidecars =
            StructArray::from(vec![(Arc::new(field.clone()), Arc::new(StringArray::from(names.to_vec())) as _)]);
        let fields = vec![
            Field::new("add", DataType::Int64, true),
            Field::new("sidecar", DataType::Struct(Fields::from(vec![field])), true),
        ];
        let schema = Arc::new(Schema::new(fields));
        let adds = Arc::new(Int64Array::from(vec![7; names.len()]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![adds, Arc::new(sidecars)]).unwrap();
        let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), schema, None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    fn json(path: &Path, names: &[&str]) {
        let lines = names.iter().map(|name| serde_json::json!({ "sidecar": { "path": name } }).to_string());
        std::fs::write(path, lines.collect::<Vec<_>>().join("\n")).unwrap();
    }

    #[test]
    fn sidecars_are_named_by_checkpoints_in_json_and_in_parquet() {
        let log = tempfile::tempdir().unwrap();
        let (one, other) = (log.path().join("a.parquet"), log.path().join("b.json"));
        parquet(&one, &[None, Some("a%20b.parquet"), Some("c.parquet"), None]);
        json(&other, &["c.parquet", "a%20b.parquet"]);
        let expected = ["a b.parquet", "c.parquet"].map(|name| log.path().join(FOLDER).join(name));
        for checkpoint in [one, other] {
            let found = named(&checkpoint).unwrap();
            assert_eq!(found.into_iter().map(|sidecar| sidecar.path).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_sidecar_goes_when_no_remaining_checkpoint_names_it() {
        let log = tempfile::tempdir().unwrap();
        let folder = log.path().join(FOLDER);
        std::fs::create_dir(&folder).unwrap();
        let names = ["gone", "shared", "kept", "being-written", "abandoned"];
        for name in names {
            std::fs::write(folder.join(name), "x").unwrap();
        }
        let old = SystemTime::now() - 2 * ABANDONED;
        File::open(folder.join("abandoned")).unwrap().set_modified(old).unwrap();
        File::open(folder.join("kept")).unwrap().set_modified(old).unwrap();
        let name = |version: u64| {
            log.path().join(format!("{version:020}.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json"))
        };
        json(&name(1), &["gone", "shared"]);
        json(&name(2), &["shared", "kept"]);
        let removed = named(&name(1)).unwrap();
        std::fs::remove_file(name(1)).unwrap();
        let left = || names.into_iter().filter(|name| folder.join(name).is_file()).collect::<Vec<_>>();
        // A checkpoint that cannot be read may name any of them.
        let whole = std::fs::read(name(2)).unwrap();
        std::fs::write(name(2), "{").unwrap();
        clean_up(log.path(), &removed).unwrap_err();
        assert_eq!(left(), names);
        std::fs::write(name(2), whole).unwrap();
        clean_up(log.path(), &removed).unwrap();
        assert_eq!(left(), ["shared", "kept", "being-written"]);
    }
}
