//! The folder of many lanes: their number, their folders, and which key belongs to which lane, the same in every
//! process.

use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder::Refusal;
use super::storage::{Folder, Storage as _};
use crate::error::{Error, Fault};

const NAME: &str = "lanes.json";
const LANE_NAME: &str = "lane.json";

#[derive(Debug, Serialize, Deserialize)]
struct Label {
    lanes: NonZeroUsize,
    /// The prefix of every key's hash.
    salt: u64,
}

/// The label of a lane's folder, so that two of them cannot be mixed up.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct LaneLabel {
    lane: usize,
    salt: u64,
}

/// The folder of one lane.
pub(crate) fn folder_of(folder: &Path, lane: usize) -> PathBuf {
    folder.join(format!("lane-{lane}"))
}

/// The salt of the folder's keys, created if it is missing.
///
/// # Errors
/// If the folder cannot be used, has another number of lanes, or a lane's folder is not in its place: a key would
/// move to another lane, and its rows would overtake those that wait.
pub(crate) fn salt(folder: &Path, lanes: NonZeroUsize) -> Result<u64, Error> {
    let salt = read_salt(folder, lanes).and_then(|salt| {
        (0..lanes.get()).try_for_each(|lane| check_lane(&folder_of(folder, lane), &LaneLabel { lane, salt }))?;
        Ok(salt)
    });
    salt.map_err(|refusal| Fault::Spool { folder: folder.display().to_string(), refusal }.into())
}

fn read_salt(folder: &Path, lanes: NonZeroUsize) -> Result<u64, Refusal> {
    match fs::read_to_string(folder.join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let label = Label { lanes, salt: fastrand::u64(..) };
            write(folder, NAME, &label)?;
            Ok(label.salt)
        }
        text => {
            let label: Label = serde_json::from_str(&text?).map_err(io::Error::from)?;
            if label.lanes == lanes {
                return Ok(label.salt);
            }
            Err(Refusal::OtherLanes { found: label.lanes, expected: lanes })
        }
    }
}

/// Checks that a folder is that of this lane; labels a folder that has no label.
fn check_lane(folder: &Path, label: &LaneLabel) -> Result<(), Refusal> {
    let text = match fs::read(folder.join(LANE_NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        text => text?,
    };
    match serde_json::from_slice::<LaneLabel>(&text) {
        Ok(found) if found.salt != label.salt => Err(Refusal::StrangeLane { lane: label.lane }),
        Ok(LaneLabel { lane: found, .. }) if found != label.lane => {
            Err(Refusal::OtherLane { found, expected: label.lane })
        }
        Ok(_) => Ok(()),
        // A damaged label blocks no row.
        Err(_) => Ok(write(folder, LANE_NAME, label)?),
    }
}

fn write(folder: &Path, name: &str, label: &impl Serialize) -> io::Result<()> {
    Folder::create_all(folder)?;
    Folder::new(folder.to_owned()).replace(name, &serde_json::to_vec(label)?)
}
