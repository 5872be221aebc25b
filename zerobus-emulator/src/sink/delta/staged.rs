//! A temporary table in a folder that readers of the real table ignore: what the kernel writes for a definition,
//! and data files of it, before the real table has that definition.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use delta_kernel::{KernelError, KernelResult};
use serde_json::Value;
use zerobus_codegen::Table;

use super::History;
use super::data_file::{Place, local_path};
use super::disk::{self, Unsynced};
use super::kernel::Kernel;
use super::log;
use super::read::folder_url;
use super::table::DeltaTable;
use super::watermark::Txns;
use crate::random;
use crate::row::Row;
use crate::sink::StorageError;

const FOLDER: &str = "_zerobus";
const PREFIX: &str = "altering-";

/// A temporary table; dropping it removes its folder.
pub(super) struct Staged {
    table: DeltaTable,
    path: PathBuf,
}

/// Data files that were moved into a table and are not in its log yet.
#[derive(Debug, Default)]
pub(super) struct Moved {
    /// Their `add` actions.
    pub(super) adds: Vec<Value>,
    pub(super) paths: Vec<PathBuf>,
    pub(super) unsynced: Unsynced,
}

impl Staged {
    pub(super) fn new(
        kernel: &Arc<Kernel>,
        beside: &Path,
        table: &Arc<Table>,
        history: History,
    ) -> Result<Self, StorageError> {
        let path = beside.join(FOLDER).join(format!("{PREFIX}{}", random::text(8)));
        let table = DeltaTable::open(kernel, &path, table, history).inspect_err(|_| remove(&path))?;
        Ok(Self { table, path })
    }

    pub(super) fn append(&mut self, rows: &[Row]) -> Result<(), StorageError> {
        self.table.append(&rows.iter(), &Txns::new())
    }

    /// An action of the first version: `protocol`, `metaData`.
    pub(super) fn action(&self, name: &str) -> KernelResult<Value> {
        let mut actions = self.actions(0)?;
        let found = actions.iter_mut().find_map(|action| action.get_mut(name).map(Value::take));
        found.ok_or_else(|| KernelError::generic(format!("a new table has no {name}")))
    }

    /// Moves the data files into another table, as files of this version of it.
    pub(super) fn move_files(&self, root: &Path, version: u64) -> KernelResult<Moved> {
        let mut moved = Moved::default();
        let result = self.move_each(root, version, &mut moved);
        result.inspect_err(|_| super::data_file::discard(&moved.paths))?;
        Ok(moved)
    }

    fn move_each(&self, root: &Path, version: u64, moved: &mut Moved) -> KernelResult<()> {
        let (from, to) = (folder_url(&self.path)?, folder_url(root)?);
        for own in 1..=self.table.version() {
            for mut add in self.actions(own)?.into_iter().filter(|action| action.get("add").is_some()) {
                let path = add["add"]["path"].as_str().unwrap_or_default().to_owned();
                let name = Place { version, number: moved.adds.len() }.file_name();
                let renamed =
                    path.rsplit_once('/').map_or_else(|| name.clone(), |(folder, _)| format!("{folder}/{name}"));
                let source = local_path(&from.join(&path).map_err(KernelError::generic_err)?)?;
                let target = local_path(&to.join(&renamed).map_err(KernelError::generic_err)?)?;
                let folder = target.parent().unwrap_or(root);
                moved.unsynced.create_folder(folder)?;
                std::fs::rename(source, &target)?;
                moved.unsynced.add(folder);
                moved.paths.push(target);
                add["add"]["path"] = Value::String(renamed);
                moved.adds.push(add);
            }
        }
        Ok(())
    }

    fn actions(&self, version: u64) -> KernelResult<Vec<Value>> {
        let text = std::fs::read(log::folder(&self.path).join(log::commit_name(version)))?;
        let actions = serde_json::Deserializer::from_slice(&text).into_iter();
        actions.collect::<Result<_, _>>().map_err(KernelError::generic_err)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Removes what an alteration that was killed left behind.
pub(super) fn clean_up(table: &Path) -> io::Result<()> {
    let Ok(entries) = std::fs::read_dir(table.join(FOLDER)) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX)) {
            disk::remove_folder(&entry.path())?;
        }
    }
    Ok(())
}

fn remove(path: &Path) {
    if let Err(error) = disk::remove_folder(path) {
        tracing::warn!(path = %path.display(), %error, "a table that was made aside stays until the next start");
    }
}
