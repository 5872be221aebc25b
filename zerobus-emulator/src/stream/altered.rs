//! The end of a stream whose rows no longer fit its altered table.

use std::sync::Arc;

use prost_reflect::MessageDescriptor;
use tokio::sync::watch;
use zerobus_codegen::{Change, ChangeKind, Drift, Severity, Table};

use crate::app::App;
use crate::catalog::Catalog;
use crate::refusal::{Cause, Refusal};
use crate::schema_check::{self, ColumnOrder};

/// The alterations of all tables from now on.
#[derive(Debug, Clone)]
pub(super) struct Alterations(watch::Receiver<Arc<Catalog>>);

impl Alterations {
    pub(super) fn of(app: &App) -> Self {
        Self(app.definitions.changes())
    }

    /// Returns when an alteration of the table breaks a stream with this descriptor.
    pub(super) async fn end(
        mut self,
        opened: Arc<Table>,
        descriptor: MessageDescriptor,
        order: ColumnOrder,
    ) -> Refusal {
        let name = opened.name.to_string();
        let mut seen = Arc::clone(&opened);
        loop {
            let altered = self.0.borrow_and_update().writable(&name);
            match altered {
                Err(refusal) => return refusal,
                Ok(table) if Arc::ptr_eq(&table, &seen) => {}
                Ok(table) => match verdict(&opened, &table, &descriptor, order) {
                    Some(refusal) => return refusal,
                    None => seen = table,
                },
            }
            if self.0.changed().await.is_err() {
                // The emulator stops, and ends the stream.
                std::future::pending::<()>().await;
            }
        }
    }
}

/// The refusal that ends a stream after a breaking change of its table.
fn verdict(from: &Table, to: &Table, descriptor: &MessageDescriptor, order: ColumnOrder) -> Option<Refusal> {
    let drift = Drift::between(from, to);
    let breaks = |change: &&Change| {
        change.severity == Severity::Breaking && (order == ColumnOrder::Strict || change.kind != ChangeKind::Moved)
    };
    let breaking: Vec<&Change> = drift.changes.iter().filter(breaks).collect();
    if breaking.is_empty() {
        return None;
    }
    let refusal = schema_check::check(to, descriptor, order).err();
    Some(refusal.unwrap_or_else(|| {
        let texts: Vec<String> = breaking.iter().map(ToString::to_string).collect();
        let causes = breaking.iter().map(|change| cause(&change.kind)).collect();
        Refusal::altered(&drift.table, causes, &texts.join("; "))
    }))
}

const fn cause(kind: &ChangeKind) -> Cause {
    match kind {
        ChangeKind::Added { .. } | ChangeKind::MadeNotNull | ChangeKind::MadePlain { .. } => {
            Cause::MissingRequiredColumn
        }
        ChangeKind::Dropped | ChangeKind::MadeGenerated | ChangeKind::Renamed { .. } => Cause::FieldNotInTable,
        ChangeKind::Moved => Cause::FieldOutOfOrder,
        _ => Cause::TypeIncompatible,
    }
}
