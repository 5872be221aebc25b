//! The catalog at run time: how a table is altered, and who is notified.

mod store;

use std::io;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{RwLock, RwLockReadGuard, watch};
use zerobus_codegen::{Drift, Printable, Table};

use crate::catalog::{Catalog, Entry};
use crate::error_chain::ErrorChain;
use crate::sink::{Sink, StorageError};
use store::{Record, Store};

/// The definitions of all tables, as they are now.
#[derive(Debug)]
pub(crate) struct Definitions {
    current: watch::Sender<Arc<Catalog>>,
    /// Shared by readers of rows, which depend on a definition; exclusive for an alteration.
    steady: RwLock<()>,
    /// `None` if rows do not outlive the emulator.
    store: Option<Store>,
}

/// The changes of an alteration; `None` if one of the two definitions takes no rows.
pub(crate) type Altered = Option<Drift>;

impl Definitions {
    /// The given catalog, with the definitions that its tables were altered to earlier.
    pub(crate) async fn open(given: Catalog, sink: &Sink) -> Self {
        let store = sink.definitions().map(Store::new);
        let catalog = match &store {
            Some(store) if !store.is_empty() => restored(given, store, sink).await,
            _ => given,
        };
        Self { current: watch::Sender::new(Arc::new(catalog)), steady: RwLock::default(), store }
    }

    pub(crate) fn current(&self) -> Arc<Catalog> {
        Arc::clone(&self.current.borrow())
    }

    /// Receives the catalog after each alteration from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<Arc<Catalog>> {
        self.current.subscribe()
    }

    /// Keeps tables from being altered while the guard is held.
    pub(crate) async fn steady(&self) -> RwLockReadGuard<'_, ()> {
        self.steady.read().await
    }

    /// Replaces a table's definition, first in the sink, then in the catalog. A definition that takes no rows leaves
    /// the rows unchanged.
    pub(crate) async fn alter<E: From<StorageError>>(
        &self,
        sink: &Sink,
        new: impl FnOnce(&Catalog) -> Result<Entry, E>,
    ) -> Result<Altered, E> {
        let _alone = self.steady.write().await;
        let catalog = self.current();
        let entry = new(&catalog)?;
        let name = entry.info.full_name();
        let intent = Intent::new(self.store.as_ref(), &name, &entry)?;
        let altered = catalog.with(entry);
        let (from, to) = (catalog.writable(&name).ok(), altered.writable(&name).ok());
        if let Some(to) = &to
            && let Err(error) = sink.alter(from.as_ref().unwrap_or(to), to).await
        {
            intent.take_back();
            return Err(error.into());
        }
        intent.done();
        self.current.send_replace(Arc::new(altered));
        Ok(from.zip(to).map(|(from, to)| Drift::between(&from, &to)))
    }
}

/// An alteration, recorded before it is made: after a kill in the middle, the record and the rows on disk show which
/// definition holds.
struct Intent<'a> {
    store: Option<&'a Store>,
    name: &'a str,
    before: Option<Record>,
    after: Option<Record>,
}

impl<'a> Intent<'a> {
    fn new(store: Option<&'a Store>, name: &'a str, entry: &Entry) -> Result<Self, StorageError> {
        let given = entry.given.as_ref().unwrap_or(&entry.json);
        let record = |altered: &Value, next: Option<&Value>| Record {
            given: given.clone(),
            altered: altered.clone(),
            next: next.cloned(),
        };
        let after = (*given != entry.json).then(|| record(&entry.json, None));
        let mut before = None;
        if let Some(store) = store {
            let failed = |error| failed(store, name, error);
            before = store.find(name).map_err(failed)?.filter(|record| record.given == *given);
            let from = before.as_ref().map_or(given, |before| &before.altered);
            store.put(name, Some(&record(from, Some(&entry.json)))).map_err(failed)?;
        }
        Ok(Self { store, name, before, after })
    }

    fn done(self) {
        self.put(self.after.as_ref());
    }

    fn take_back(self) {
        self.put(self.before.as_ref());
    }

    /// A failure loses nothing: the record has both definitions, and the rows on disk show which of them holds.
    fn put(&self, record: Option<&Record>) {
        if let Some(Err(error)) = self.store.map(|store| store.put(self.name, record)) {
            tracing::warn!(table = self.name, error = %ErrorChain(&error), "an alteration stays recorded as unfinished");
        }
    }
}

/// The catalog with the definitions that its tables were altered to. A table whose record cannot be read gets the given
/// definition, and is refused if its rows have another one.
async fn restored(given: Catalog, store: &Store, sink: &Sink) -> Catalog {
    let mut catalog = given.clone();
    for entry in given.entries() {
        let name = entry.info.full_name();
        let record = match store.find(&name) {
            Ok(record) => record,
            Err(error) => {
                let error = failed(store, &name, error);
                tracing::error!(table = %Printable(&name), error = %ErrorChain(&error), "the altered definition cannot be used; the table has the given one");
                continue;
            }
        };
        // The given definition has changed since the alteration, so it is the newer one.
        let Some(record) = record.filter(|record| record.given == entry.json) else { continue };
        if let Some(altered) = holding(entry, record, sink).await {
            tracing::info!(table = %altered.info.full_name(), "the table has the definition that it was altered to");
            catalog = catalog.with(altered);
        }
    }
    catalog
}

/// The definition of the rows on disk; `None` if it is the given one.
async fn holding(entry: &Entry, record: Record, sink: &Sink) -> Option<Entry> {
    let redefined = |json: Value| Some(entry.altered(serde_json::from_value(json.clone()).ok()?, json));
    let (altered, next) = (redefined(record.altered), record.next.and_then(redefined));
    let Some(Ok(table)) = [&altered, &next].into_iter().flatten().map(|entry| entry.table.as_ref()).next() else {
        return altered;
    };
    let stored = match sink.stored(&table.name).await {
        Ok(Some(stored)) => stored,
        Ok(None) => return altered,
        Err(error) => {
            tracing::error!(table = %table.name, error = %ErrorChain(&error), "the table cannot be read, so it is not known whether its last alteration was made");
            return altered;
        }
    };
    let is_stored = |entry: &Entry| entry.table.as_ref().is_ok_and(|table| is_same(table, &stored));
    if is_stored(entry) && !altered.as_ref().is_some_and(is_stored) && !next.as_ref().is_some_and(is_stored) {
        return None;
    }
    next.filter(is_stored).or(altered)
}

fn is_same(one: &Table, other: &Table) -> bool {
    let columns = |table: &Table| -> Vec<_> {
        table.columns().iter().map(|column| (column.name.clone(), column.data_type.clone(), column.nullable)).collect()
    };
    one.partition_columns == other.partition_columns && columns(one) == columns(other)
}

fn failed(store: &Store, table: &str, error: io::Error) -> StorageError {
    StorageError::Definition { path: store.path(table), source: Arc::new(error) }
}
