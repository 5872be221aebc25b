//! Commits a group of requests: as one version, or request by request if that fails.

use std::collections::BTreeMap;
use std::sync::Arc;

use zerobus_codegen::Table;

use super::folder::Folder;
use super::gather::Group;
use super::queue::{Command, Request};
use super::table::DeltaTable;
use super::wal::Wal;
use super::watermark::{self, Txns};
use crate::error_chain::ErrorChain;
use crate::refit::{Dropped, Refit};
use crate::sink::{StorageError, Stored, StreamState};

/// A table that is open for requests.
pub(super) struct Open {
    pub(super) table: DeltaTable,
    /// The log of rows that are acked before their commit; without it rows are acked after it.
    pub(super) log: Option<Wal>,
    pub(super) folder: Arc<Folder>,
}

impl Open {
    /// Commits everything that is acked.
    pub(super) fn flush(&mut self) -> Result<(), StorageError> {
        // Without acked rows a folder that was removed stays away.
        let Some(log) = self.log.as_mut().filter(|log| !log.is_empty()) else { return Ok(()) };
        match self.folder.hold() {
            Ok(()) => log.commit(&mut self.table),
            Err(error) => Err(log.fail(error)),
        }
    }

    fn reset(&mut self) -> Result<(), StorageError> {
        // The log last: if the table cannot be removed, everything stays as it is.
        self.table.reset()?;
        self.log.as_mut().map_or(Ok(()), Wal::clear)
    }
}

impl Group {
    /// Commits all requests as one version; if that fails, each by itself, so that a request that cannot be stored
    /// fails its own stream only.
    pub(super) fn commit(self, open: &mut Open) {
        let (requests, command) = self.into_parts();
        if let Err(error) = open.folder.hold() {
            tracing::error!(error = %ErrorChain(&error), "rows could not be stored");
            for request in requests {
                request.report(Err(error.clone()));
            }
            if let Some(command) = command {
                command.fail(error);
            }
            return;
        }
        let requests = in_sequence(requests);
        match &mut open.log {
            Some(log) if !requests.is_empty() => log.accept(requests, &mut open.table),
            Some(_) => {}
            None => {
                let requests = fitting(requests, open.table.table());
                match commit(&mut open.table, &requests) {
                    Ok(()) => requests.iter().for_each(Request::stored),
                    Err(error) => one_by_one(&mut open.table, requests, &error),
                }
            }
        }
        if open.log.as_ref().is_some_and(Wal::is_large) {
            // A failure is logged, and tried again later.
            let _ = open.flush();
        }
        if let Some(command) = command {
            command.run(open);
        }
    }
}

/// The requests that may be committed. A request of a persistent stream that does not follow the one before is refused:
/// one before it has failed, and what is committed must have no gaps.
fn in_sequence(requests: Vec<Request>) -> Vec<Request> {
    let mut next: BTreeMap<String, i64> = BTreeMap::new();
    let mut kept = Vec::with_capacity(requests.len());
    for request in requests {
        if let Some(stream) = &request.append.stream {
            let next = next.entry(stream.id().to_owned()).or_insert_with(|| stream.committed() + 1);
            let offset = request.append.offset;
            if offset != *next {
                let committed = *next - 1;
                request.report(Err(StorageError::OutOfSequence { committed, offset }));
                continue;
            }
            *next += 1;
        }
        kept.push(request);
    }
    kept
}

/// The requests whose rows fit the table as it is now; a stream with one that does not fit fails.
fn fitting(requests: Vec<Request>, table: &Arc<Table>) -> Vec<Request> {
    let mut refit: Option<Refit> = None;
    let mut failed: Vec<(Stored, StorageError)> = Vec::new();
    let mut kept = Vec::with_capacity(requests.len());
    for mut request in requests {
        let earlier = failed.iter().find(|(stored, _)| stored.same_channel(&request.append.stored));
        let fits = match earlier {
            Some((_, error)) => Err(error.clone()),
            None => fit(&mut request, table, &mut refit),
        };
        match fits {
            Ok(()) => kept.push(request),
            Err(error) => {
                failed.push((request.append.stored.clone(), error.clone()));
                request.report(Err(error));
            }
        }
    }
    kept
}

/// Converts the rows of a request to the table as it is now.
fn fit(request: &mut Request, table: &Arc<Table>, refit: &mut Option<Refit>) -> Result<(), StorageError> {
    let append = &mut request.append;
    if Arc::ptr_eq(&append.table, table) {
        return Ok(());
    }
    let refit = match refit {
        Some(refit) if refit.is_between(&append.table, table) => refit,
        other => other.insert(Refit::new(&append.table, table, Dropped::Unfit)?),
    };
    if !refit.is_trivial() {
        let offset = append.offset;
        let bad =
            |(place, bad)| StorageError::unfit(table, format!("row {place} of the request at offset {offset}: {bad}"));
        append.rows = refit.rows(&append.rows).map_err(bad)?;
    }
    append.table = Arc::clone(table);
    Ok(())
}

impl Command {
    fn fail(self, error: StorageError) {
        match self {
            Self::Alter(_, reply) | Self::Reset(reply) => drop(reply.send(Err(error))),
            Self::Stream(_, _, reply) => drop(reply.send(Err(error))),
        }
    }

    fn run(self, open: &mut Open) {
        // A client that has gone does not wait for the answer.
        match self {
            // Rows that are acked but not committed are checked against the altered table, as the service does it.
            Self::Alter(to, reply) => drop(reply.send(open.table.alter(&to))),
            Self::Reset(reply) => drop(reply.send(open.reset())),
            Self::Stream(id, action, reply) => {
                drop(reply.send(open.flush().and_then(|()| open.table.stream(&id, action))));
            }
        }
    }
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
            Ok(()) => request.stored(),
            Err(error) => {
                failed.push((request.append.stored.clone(), error.clone()));
                request.report(Err(error));
            }
        }
    }
}

/// A commit may have failed behind its entry in the log: then a request of a persistent stream must not be committed
/// again.
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
    let txns = txns(requests);
    if txns.is_empty() && rows.clone().next().is_none() {
        return Ok(());
    }
    let result = table.append(&rows, &txns);
    if let Err(error) = &result {
        tracing::error!(error = %ErrorChain(error), "a commit failed");
    }
    result
}

fn txns(requests: &[Request]) -> Txns {
    let streams = requests.iter().filter_map(|request| Some((request.append.stream.as_ref()?, request.append.offset)));
    streams.filter_map(|(stream, offset)| watermark::txn(stream.id(), StreamState::Open(offset))).collect()
}
