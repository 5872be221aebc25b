//! Persistent streams in the log of their table: a `txn` action in the commit of the rows, so that the rows and the
//! offset up to which they are stored can never differ.
//!
//! | `txn.version` | the stream |
//! |---|---|
//! | 0 and more | every request up to this offset is stored |
//! | -1 | it was created, and nothing is stored |
//! | the least number | it was retired |

use std::collections::BTreeMap;

use delta_kernel::{KernelResult, Snapshot};

use super::kernel::Kernel;
use crate::sink::StreamState;

/// What a commit says of the applications that write to the table.
pub(super) type Txns = BTreeMap<String, i64>;

const RETIRED: i64 = i64::MIN;

/// The `txn` of a stream: its application and its version; none for a stream that does not exist.
pub(super) fn txn(id: &str, state: StreamState) -> Option<(String, i64)> {
    match state {
        StreamState::Open(offset) => Some((application(id), offset)),
        StreamState::Retired => Some((application(id), RETIRED)),
        StreamState::Unknown => None,
    }
}

/// What a version of the table says of a stream.
pub(super) fn find(kernel: &Kernel, snapshot: &Snapshot, id: &str) -> KernelResult<StreamState> {
    let version = snapshot.get_app_id_version(&application(id), kernel.engine().as_ref())?;
    Ok(match version {
        None => StreamState::Unknown,
        Some(RETIRED) => StreamState::Retired,
        Some(offset) => StreamState::Open(offset),
    })
}

fn application(id: &str) -> String {
    format!("zerobus-stream-{id}")
}
