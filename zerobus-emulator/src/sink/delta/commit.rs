//! A group of requests brought into the table: as one version, or request by request if that fails.

use std::collections::BTreeMap;

use super::gather::Group;
use super::table::DeltaTable;
use super::writer::{Command, Request};
use crate::error_chain::ErrorChain;
use crate::sink::{StorageError, Stored, StreamState};

/// How far persistent streams are with a commit, by their ids.
pub(super) type Watermarks = BTreeMap<String, StreamState>;

impl Group {
    /// Commits all requests as one version; if that fails, each by itself, so that a request that cannot be stored fails its
    /// own stream only.
    pub(super) fn commit(self, table: &mut DeltaTable) {
        let (requests, command) = self.into_parts();
        let requests = in_sequence(requests);
        match commit(table, &requests) {
            Ok(()) => requests.into_iter().for_each(stored),
            Err(error) => one_by_one(table, requests, &error),
        }
        if let Some(Command { id, action, reply }) = command {
            // A client that has gone does not wait for the answer.
            let _ = reply.send(table.stream(&id, action));
        }
    }
}

/// The requests that may be committed. A request of a persistent stream that does not follow the one before is refused: one
/// before it has failed, and what is committed must have no gaps.
fn in_sequence(requests: Vec<Request>) -> Vec<Request> {
    let mut next: BTreeMap<String, i64> = BTreeMap::new();
    let mut kept = Vec::with_capacity(requests.len());
    for request in requests {
        if let Some(stream) = &request.append.stream {
            let next = next.entry(stream.id().to_owned()).or_insert_with(|| stream.committed() + 1);
            let offset = request.append.offset;
            if offset != *next {
                let committed = *next - 1;
                request.append.report(Err(StorageError::OutOfSequence { committed, offset }));
                continue;
            }
            *next += 1;
        }
        kept.push(request);
    }
    kept
}

fn stored(request: Request) {
    if let Some(stream) = &request.append.stream {
        stream.advance(request.append.offset);
    }
    request.append.report(Ok(()));
}

fn one_by_one(table: &mut DeltaTable, requests: Vec<Request>, error: &StorageError) {
    let alone = requests.len() == 1;
    let mut failed: Vec<(Stored, StorageError)> = Vec::new();
    for request in requests {
        // What follows a request that is not stored must not be acked.
        let earlier = failed.iter().find(|(stored, _)| stored.same_channel(&request.append.stored));
        let result = match earlier {
            Some((_, error)) => Err(error.clone()),
            None if alone => Err(error.clone()),
            None => again(table, &request, error),
        };
        match result {
            Ok(()) => stored(request),
            Err(error) => {
                failed.push((request.append.stored.clone(), error.clone()));
                request.append.report(Err(error));
            }
        }
    }
}

/// A commit may have failed behind its entry in the log: then a request of a persistent stream must not be committed again.
fn again(table: &mut DeltaTable, request: &Request, error: &StorageError) -> Result<(), StorageError> {
    if let Some(stream) = &request.append.stream
        && table.find_stream(stream.id())? != StreamState::Open(stream.committed())
    {
        return Err(error.clone());
    }
    commit(table, std::slice::from_ref(request))
}

fn commit(table: &mut DeltaTable, requests: &[Request]) -> Result<(), StorageError> {
    let rows = requests.iter().flat_map(|request| &request.append.rows);
    let watermarks = watermarks(requests);
    if watermarks.is_empty() && rows.clone().next().is_none() {
        return Ok(());
    }
    let result = table.append(&rows, &watermarks);
    if let Err(error) = &result {
        tracing::error!(error = %ErrorChain(error), "a commit failed");
    }
    result
}

fn watermarks(requests: &[Request]) -> Watermarks {
    let streams = requests.iter().filter_map(|request| Some((request.append.stream.as_ref()?, request.append.offset)));
    streams.map(|(stream, offset)| (stream.id().to_owned(), StreamState::Open(offset))).collect()
}
