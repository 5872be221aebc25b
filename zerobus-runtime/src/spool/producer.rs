//! The producer of a folder's rows and its run, which keep the stamps of two processes distinct.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::storage::{Folder, Storage as _};

const NAME: &str = "producer.json";

/// The producer, and its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Producer {
    pub(crate) producer: String,
    pub(crate) epoch: u64,
}

impl Producer {
    /// A new producer, without a folder.
    pub(crate) fn new(name: Option<&str>) -> Self {
        let random = || format!("{:032x}", fastrand::u128(..));
        Self { producer: name.map_or_else(random, str::to_owned), epoch: super::now_ms() }
    }

    /// The producer of a folder that this process owns, in a new run; durable when this returns.
    pub(crate) fn of_folder(folder: &Path, name: Option<&str>) -> io::Result<Self> {
        let before = match fs::read(folder.join(NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            // A damaged file counts as missing: the new run gets a number that no run had before.
            text => serde_json::from_slice::<Self>(&text?).ok(),
        };
        let next = match before {
            Some(Self { producer, epoch }) => {
                let epoch = epoch.saturating_add(1).max(super::now_ms());
                Self { producer: name.map_or(producer, str::to_owned), epoch }
            }
            None => Self::new(name),
        };
        let text = serde_json::to_vec(&next)?;
        match Folder::new(folder.to_owned()).replace(NAME, &text) {
            // A full disk has room again once its rows are sent, so it must not keep a stream from starting.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => overwrite(folder, &text)?,
            written => written?,
        }
        Ok(next)
    }
}

/// Overwrites the file in the space that it already has.
fn overwrite(folder: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(folder.join(NAME))?;
    file.write_all(text)?;
    file.set_len(text.len() as u64)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_its_producer_and_every_run_has_a_later_number() {
        let folder = tempfile::tempdir().unwrap();
        let first = Producer::of_folder(folder.path(), None).unwrap();
        let second = Producer::of_folder(folder.path(), None).unwrap();
        assert_eq!(first.producer, second.producer);
        assert!(second.epoch > first.epoch);
        // The clock went back by a day, and the file was written in the future.
        let ahead = Producer { epoch: second.epoch + 86_400_000, ..second };
        fs::write(folder.path().join(NAME), serde_json::to_string(&ahead).unwrap()).unwrap();
        let third = Producer::of_folder(folder.path(), Some("by name")).unwrap();
        assert_eq!((third.producer.as_str(), third.epoch), ("by name", ahead.epoch + 1));
    }
}
