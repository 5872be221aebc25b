//! The definitions that tables were altered to, stored in the data folder for the next start.
//!
//! Each altered table has a file with the definition that the emulator was started with and the one that the table was
//! altered to. During an alteration the file has the old and the new one; the rows on disk show which of them holds.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The folder of the files.
#[derive(Debug)]
pub(crate) struct Store(PathBuf);

/// The definitions of one table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The definition at the emulator's start. If it differs at the next start, the record is out of date.
    pub(crate) given: Value,
    /// The definition that the table was altered to.
    pub(crate) altered: Value,
    /// The definition of an alteration that is not finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<Value>,
}

impl Store {
    pub(crate) const fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    pub(crate) fn find(&self, table: &str) -> io::Result<Option<Record>> {
        match std::fs::read(self.path(table)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => Ok(Some(serde_json::from_slice(&read?)?)),
        }
    }

    /// Whether no table was altered.
    pub(crate) fn is_empty(&self) -> bool {
        !self.0.is_dir()
    }

    /// Writes and syncs the table's file; removes it if there is no record.
    pub(crate) fn put(&self, table: &str, record: Option<&Record>) -> io::Result<()> {
        let path = self.path(table);
        match record {
            None => match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            },
            Some(record) => {
                std::fs::create_dir_all(&self.0)?;
                let written = path.with_extension("writing");
                let mut file = File::create(&written)?;
                file.write_all(&serde_json::to_vec(record)?)?;
                file.sync_all()?;
                std::fs::rename(written, &path)?;
            }
        }
        sync(&self.0)
    }

    /// Names are case-insensitive, and those of tables without rows may contain any character.
    pub(crate) fn path(&self, table: &str) -> PathBuf {
        let encoded = |byte| match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' => char::from(byte).to_string(),
            other => format!("%{other:02x}"),
        };
        let name: String = table.to_ascii_lowercase().bytes().map(encoded).collect();
        self.0.join(name + ".json")
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    for folder in folder.ancestors().take(2).filter(|folder| folder.is_dir()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
