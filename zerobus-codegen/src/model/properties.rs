//! The properties of a table for which the service refuses it, or is reported to.
//!
//! | property | what it turns on |
//! |---|---|
//! | `delta.feature.catalogManaged`, `delta.feature.catalogOwned-preview` | catalog-managed commits |
//! | `delta.constraints.*` | CHECK constraints |
//! | `delta.columnMapping.mode` other than `none` | column mapping |
//! | `delta.enableChangeDataFeed` = `true` | the change data feed |
//! | `delta.enableRowTracking` = `true` | row tracking |

/// What the name of a CHECK constraint's property begins with.
const CONSTRAINTS: &str = "delta.constraints.";
const MANAGED: &[&str] = &["delta.feature.catalogManaged", "delta.feature.catalogOwned-preview"];
const MAPPING: &str = "delta.columnMapping.mode";
const CHANGE_FEED: &str = "delta.enableChangeDataFeed";
const ROW_TRACKING: &str = "delta.enableRowTracking";

/// Whether a property says something that matters to a writer; the others change while the schema does not.
pub(crate) fn matters(key: &str) -> bool {
    MANAGED.contains(&key) || [MAPPING, CHANGE_FEED, ROW_TRACKING].contains(&key) || key.starts_with(CONSTRAINTS)
}
