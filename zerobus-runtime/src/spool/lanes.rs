//! The folder of many lanes: their number, and which key belongs to which lane, the same in every process.

use std::fs::{self, File};
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder::Refusal;
use super::storage::{Folder, Storage};
use crate::error::{Error, Fault};

const NAME: &str = "lanes.json";

#[derive(Debug, Serialize, Deserialize)]
struct Label {
    lanes: NonZeroUsize,
    /// The prefix of every key's hash.
    salt: u64,
}

/// The folder of one lane.
pub(crate) fn folder_of(folder: &Path, lane: usize) -> PathBuf {
    folder.join(format!("lane-{lane}"))
}

/// The salt of the folder's keys, created if there is none.
///
/// # Errors
/// If the folder cannot be used, or has another number of lanes: a key would move to another lane, and its rows overtake
/// those that wait.
pub(crate) fn salt(folder: &Path, lanes: NonZeroUsize) -> Result<u64, Error> {
    let refused = |refusal| Error::from(Fault::Spool { folder: folder.display().to_string(), refusal });
    match fs::read_to_string(folder.join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let label = Label { lanes, salt: fastrand::u64(..) };
            write(folder, &label).map_err(|error| refused(error.into()))?;
            Ok(label.salt)
        }
        text => {
            let text = text.map_err(|error| refused(error.into()))?;
            let label: Label = serde_json::from_str(&text).map_err(|error| refused(io::Error::from(error).into()))?;
            if label.lanes == lanes {
                return Ok(label.salt);
            }
            Err(refused(Refusal::OtherLanes { found: label.lanes, expected: lanes }))
        }
    }
}

fn write(folder: &Path, label: &Label) -> io::Result<()> {
    Folder::create_all(folder)?;
    let unfinished = folder.join(format!("{NAME}.new"));
    let mut file = File::create(&unfinished)?;
    file.write_all(serde_json::to_string(label)?.as_bytes())?;
    file.sync_all()?;
    fs::rename(unfinished, folder.join(NAME))?;
    Folder::new(folder.to_owned()).sync_folder()
}
