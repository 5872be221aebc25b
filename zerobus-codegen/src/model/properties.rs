//! The properties of a table that matter to a writer: those for which the service refuses it, or is reported to refuse
//! it.
//!
//! | property | what it turns on |
//! |---|---|
//! | `delta.feature.catalogManaged`, `delta.feature.catalogOwned-preview` | catalog-managed commits |
//! | `delta.constraints.*` | CHECK constraints |
//! | `delta.columnMapping.mode` other than `none` | column mapping |
//! | `delta.enableChangeDataFeed` = `true` | the change data feed |
//! | `delta.enableRowTracking` = `true` | row tracking |

/// A property that matters to a writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Property<'a> {
    CatalogManaged,
    ChangeFeed,
    ColumnMapping,
    /// A CHECK constraint, by its name.
    Constraint(&'a str),
    RowTracking,
}

/// The feature that a property turns on; `None` if it does not matter to a writer.
pub(crate) fn property(key: &str) -> Option<Property<'_>> {
    match key {
        "delta.feature.catalogManaged" | "delta.feature.catalogOwned-preview" => Some(Property::CatalogManaged),
        "delta.columnMapping.mode" => Some(Property::ColumnMapping),
        "delta.enableChangeDataFeed" => Some(Property::ChangeFeed),
        "delta.enableRowTracking" => Some(Property::RowTracking),
        _ => key.strip_prefix("delta.constraints.").map(Property::Constraint),
    }
}
