//! A table given another definition.
//!
//! Where files of the old definition are files of the new one, the version has another `metaData` alone. Where they are
//! not (a column was dropped, retyped or made NOT NULL), the rows are read, brought into the new definition and written
//! anew, and one version exchanges all files together with the `metaData`. A row that does not fit leaves everything as
//! it is.

mod protocol;

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use delta_kernel::arrow::datatypes::Schema as ArrowSchema;
use delta_kernel::arrow::json::LineDelimitedWriter;
use delta_kernel::engine::arrow_conversion::TryIntoArrow as _;
use delta_kernel::engine::arrow_data::EngineDataArrowExt as _;
use delta_kernel::scan::state::ScanFile;
use delta_kernel::{KernelError, KernelResult, SnapshotRef};
use serde_json::{Map, Value, json};
use zerobus_codegen::{ChangeKind, Drift, Severity, Table};

use super::super::data_file;
use super::super::kernel::{ENGINE_INFO, Kernel, failed};
use super::super::staged::{Moved, Staged};
use super::super::{read, schema};
use super::{DeltaTable, TRIES};
use crate::refit::{Dropped, Refit};
use crate::row::Row;
use crate::sink::StorageError;

/// Rows that are brought into the new definition at a time.
const ROWS: usize = 50_000;
/// Memory of such rows.
const WEIGHT: usize = 32 << 20;

impl DeltaTable {
    /// Replaces the table's definition.
    pub(in super::super) fn alter(&mut self, to: &Arc<Table>) -> Result<(), StorageError> {
        if self.redefined {
            *self = Self::open(&self.kernel, &self.path, to, self.history)?;
            return Ok(());
        }
        for _ in 0..TRIES {
            if self.steadily(|table| table.try_alter(to))? {
                self.table = Arc::clone(to);
                return self.reopen();
            }
        }
        let error = KernelError::generic(format!("{TRIES} versions were overtaken by another writer of the table"));
        Err(failed(&self.path, "altered", error))
    }

    /// Whether the table has the definition; if it has not, another program has committed at the same moment.
    fn try_alter(&mut self, to: &Arc<Table>) -> Result<bool, StorageError> {
        let path = self.path.clone();
        let failed = |error| failed(&path, "altered", error);
        self.catch_up().map_err(failed)?;
        if *self.snapshot.schema() == schema::schema(&to.row).map_err(failed)?
            && self.table.partition_columns == to.partition_columns
        {
            return Ok(true);
        }
        if self.redefined {
            // Fails with the reason, unless the other program has just taken it back.
            self.reopen()?;
            return Ok(false);
        }
        let mut staged = Staged::new(&self.kernel, &self.path, to, self.history)?;
        let mut actions = definition(&self.kernel, &self.snapshot, &staged).map_err(failed)?;
        let mut moved = Moved::default();
        if !keeps_files(&self.table, to).map_err(failed)? {
            self.rewrite(to, &mut staged)?;
            actions.extend(self.removals().map_err(failed)?);
            moved = staged.move_files(&self.path, self.snapshot.version() + 1).map_err(failed)?;
            actions.append(&mut moved.adds);
        }
        self.put(&actions, moved).map_err(failed)
    }

    /// Brings all rows into the new definition.
    fn rewrite(&self, to: &Arc<Table>, staged: &mut Staged) -> Result<(), StorageError> {
        let refit = Refit::new(&self.table, to, Dropped::Forgotten)?;
        let (mut rows, mut weight, mut number, mut failure) = (Vec::<Row>::new(), 0, 0_u64, None);
        let mut take = |row: Row| {
            let fitted =
                refit.row(&row).map_err(|bad| StorageError::unfit(to, format!("row {number} of the table: {bad}")));
            number += 1;
            let stored = fitted.and_then(|row| {
                weight += row.weight();
                rows.push(row);
                if rows.len() < ROWS && weight < WEIGHT {
                    return Ok(());
                }
                weight = 0;
                staged.append(&std::mem::take(&mut rows))
            });
            match stored {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        };
        let read = read::rows(&self.kernel, &self.snapshot, &self.table, 0, &mut take);
        read.map_err(|error| failed(&self.path, "read", error))?;
        match failure {
            Some(error) => Err(error),
            None if rows.is_empty() => Ok(()),
            None => staged.append(&rows),
        }
    }

    /// The actions that remove every file.
    fn removals(&self) -> KernelResult<Vec<Value>> {
        let scan = SnapshotRef::clone(&self.snapshot).scan_builder().build()?;
        let files = read::scan_files(&self.kernel, &scan)?;
        if files.iter().any(|file| file.dv_info.has_vector()) {
            let text =
                "another program has deleted rows of it by deletion vectors; compact the table with that program first";
            return Err(KernelError::generic(text));
        }
        if self.snapshot.table_properties().append_only == Some(true) {
            return Err(KernelError::generic(
                "its rows would have to be rewritten, and delta.appendOnly forbids that; set the property to false first",
            ));
        }
        let now = millis()?;
        let removal = |file: ScanFile| {
            let value = |name: &String| file.partition_values.get(name).map_or(Value::Null, |value| json!(value));
            let values: Map<_, _> =
                self.table.partition_columns.iter().map(|name| (name.clone(), value(name))).collect();
            json!({ "remove": {
                "path": file.path, "deletionTimestamp": now, "dataChange": true, "extendedFileMetadata": true,
                "partitionValues": values, "size": file.size,
            } })
        };
        Ok(files.into_iter().map(removal).collect())
    }

    /// Whether the actions are the table's next version, and on the disk. A version that is not on the disk is taken
    /// back.
    fn put(&mut self, actions: &[Value], moved: Moved) -> KernelResult<bool> {
        let mut unsynced = moved.unsynced;
        moved.paths.iter().for_each(|path| unsynced.add(path));
        let version = self.identity.commit_path(self.snapshot.version() + 1);
        let written = write_new(self.identity.log(), &version, actions);
        let stored = written.and_then(|written| {
            if written {
                unsynced.extend(std::mem::take(&mut self.unsynced).existing());
                unsynced.add(&version);
                unsynced.add(self.identity.log());
                self.kernel.sync(unsynced).inspect_err(|_| data_file::discard(std::slice::from_ref(&version)))?;
            }
            Ok(written)
        });
        if !matches!(stored, Ok(true)) {
            data_file::discard(&moved.paths);
        }
        Ok(stored?)
    }
}

/// Whether files of the one definition are files of the other: columns are matched by their names, and what a file
/// lacks is NULL.
fn keeps_files(from: &Table, to: &Table) -> KernelResult<bool> {
    let harmless = Drift::between(from, to).changes.iter().all(|change| match change.kind {
        ChangeKind::Added { nullable, .. } => nullable,
        ChangeKind::Retyped { .. } => change.severity == Severity::Safe,
        ChangeKind::MadeNullable | ChangeKind::Moved | ChangeKind::ObstacleRemoved(_) => true,
        _ => false,
    });
    if !harmless || from.partition_columns != to.partition_columns {
        return Ok(false);
    }
    let (from, to) = (schema::schema(&from.row)?, schema::schema(&to.row)?);
    let (from, to): (ArrowSchema, ArrowSchema) = ((&from).try_into_arrow()?, (&to).try_into_arrow()?);
    Ok(from
        .fields()
        .iter()
        .all(|old| to.field_with_name(old.name()).is_ok_and(|new| old.data_type().equals_datatype(new.data_type()))))
}

/// The actions that give the table another definition.
fn definition(kernel: &Kernel, snapshot: &SnapshotRef, staged: &Staged) -> KernelResult<Vec<Value>> {
    let (found_protocol, mut metadata) = state(kernel, snapshot)?;
    protocol::may_alter(&found_protocol)?;
    let (protocol, mut new) = (staged.action("protocol")?, staged.action("metaData")?);
    for key in ["schemaString", "partitionColumns"] {
        metadata[key] = new[key].take();
    }
    let mut information = json!({
        "timestamp": millis()?, "operation": "ALTER TABLE", "operationParameters": {}, "engineInfo": ENGINE_INFO,
        "isBlindAppend": false,
    });
    if snapshot.table_properties().enable_in_commit_timestamps == Some(true) {
        let last = snapshot.get_timestamp(kernel.engine().as_ref())?;
        information["inCommitTimestamp"] = json!(millis()?.max(last + 1));
    }
    let protocol = protocol::joined(&found_protocol, &protocol);
    let mut actions = vec![json!({ "commitInfo": information })];
    if protocol != found_protocol {
        actions.push(json!({ "protocol": protocol }));
    }
    actions.push(json!({ "metaData": metadata }));
    Ok(actions)
}

/// The `protocol` and the `metaData` of a version, wherever the log has them.
fn state(kernel: &Kernel, snapshot: &SnapshotRef) -> KernelResult<(Value, Value)> {
    let engine = kernel.engine().as_ref();
    let (mut protocol, mut metadata) = (Value::Null, Value::Null);
    for batch in SnapshotRef::clone(snapshot).create_checkpoint_writer(engine)?.checkpoint_data(engine)? {
        let batch = batch?.apply_selection_vector()?.try_into_record_batch()?;
        let places: Vec<usize> =
            ["protocol", "metaData"].iter().filter_map(|name| batch.schema().index_of(name).ok()).collect();
        let mut writer = LineDelimitedWriter::new(Vec::new());
        writer.write(&batch.project(&places)?)?;
        writer.finish()?;
        for action in serde_json::Deserializer::from_slice(&writer.into_inner()).into_iter::<Value>() {
            let mut action = action.map_err(KernelError::generic_err)?;
            for (name, found) in [("protocol", &mut protocol), ("metaData", &mut metadata)] {
                if let Some(value) = action.get_mut(name).filter(|value| value.is_object()) {
                    *found = value.take();
                }
            }
        }
        if protocol.is_object() && metadata.is_object() {
            return Ok((protocol, metadata));
        }
    }
    Err(KernelError::generic("the log has no protocol or no metaData"))
}

/// Writes a version; false if there is one already.
fn write_new(log: &Path, version: &Path, actions: &[Value]) -> io::Result<bool> {
    let aside = log.join(format!(".altering-{}.json", crate::random::text(8)));
    let written = || {
        let mut file = OpenOptions::new().create_new(true).write(true).open(&aside)?;
        for action in actions {
            file.write_all(format!("{action}\n").as_bytes())?;
        }
        file.sync_all()?;
        match std::fs::hard_link(&aside, version) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            linked => linked.map(|()| true),
        }
    };
    let result = written();
    // Readers pass over a name like this.
    let _ = std::fs::remove_file(aside);
    result
}

fn millis() -> KernelResult<i64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(KernelError::generic_err)?;
    i64::try_from(now.as_millis()).map_err(KernelError::generic_err)
}
