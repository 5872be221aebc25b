//! The `protocol` of a table that is given another definition: which features an alteration keeps, and which it adds.

use std::collections::BTreeSet;

use delta_kernel::{KernelError, KernelResult};
use serde_json::{Value, json};

/// A table of this version lists its writer features; before it, a version implies features.
const LISTS_WRITER_FEATURES: u64 = 7;
/// The same for reader features.
const LISTS_READER_FEATURES: u64 = 3;

/// What a writer must know from this version on, where no features are listed.
const LEGACY: [(u64, &str); 7] = [
    (2, "appendOnly"),
    (2, "invariants"),
    (3, "checkConstraints"),
    (4, "changeDataFeed"),
    (4, "generatedColumns"),
    (5, "columnMapping"),
    (6, "identityColumns"),
];
/// The version of a reader that knows column mapping.
const LEGACY_COLUMN_MAPPING: u64 = 2;

/// Features whose rules the version of an alteration follows. Others ask more of it, such as row IDs for new files or
/// the history of a column's types.
const KEPT: [&str; 14] = [
    "allowColumnDefaults",
    "appendOnly",
    "changeDataFeed",
    "columnMapping",
    "deletionVectors",
    "domainMetadata",
    "inCommitTimestamp",
    "invariants",
    "timestampNtz",
    "v2Checkpoint",
    "vacuumProtocolCheck",
    "variantShredding",
    "variantType",
    "variantType-preview",
];

/// An error if an alteration would break a feature of the table.
pub(super) fn may_alter(found: &Value) -> KernelResult<()> {
    let features = listed(found, "writerFeatures").into_iter().chain(listed(found, "readerFeatures"));
    let broken: BTreeSet<&str> = features.filter(|feature| !KEPT.contains(feature)).collect();
    if broken.is_empty() {
        return Ok(());
    }
    let broken = broken.into_iter().collect::<Vec<_>>().join(", ");
    Err(KernelError::generic(format!(
        "another program has given it table features that an alteration by the emulator would break ({broken}); alter the table with that program"
    )))
}

/// The protocol of the table, with the features that its new definition needs.
pub(super) fn joined(found: &Value, needed: &Value) -> Value {
    let (reader, writer) = (listed(needed, "readerFeatures"), listed(needed, "writerFeatures"));
    let known = [listed(found, "readerFeatures"), listed(found, "writerFeatures")].concat();
    if reader.iter().chain(&writer).all(|feature| known.contains(feature)) {
        return found.clone();
    }
    let (min_reader, min_writer) = (version(found, "minReaderVersion"), version(found, "minWriterVersion"));
    let mut writers: BTreeSet<&str> = listed(found, "writerFeatures").into_iter().chain(writer).collect();
    if min_writer < LISTS_WRITER_FEATURES {
        writers.extend(LEGACY.iter().filter(|(since, _)| min_writer >= *since).map(|(_, feature)| *feature));
    }
    let mut joined = json!({ "minReaderVersion": min_reader, "minWriterVersion": LISTS_WRITER_FEATURES });
    joined["writerFeatures"] = json!(writers);
    let mut readers: BTreeSet<&str> = listed(found, "readerFeatures").into_iter().chain(reader).collect();
    if !readers.is_empty() || min_reader >= LISTS_READER_FEATURES {
        if min_reader == LEGACY_COLUMN_MAPPING {
            readers.insert("columnMapping");
        }
        joined["minReaderVersion"] = json!(LISTS_READER_FEATURES);
        joined["readerFeatures"] = json!(readers);
    }
    joined
}

fn version(protocol: &Value, key: &str) -> u64 {
    protocol[key].as_u64().unwrap_or(1)
}

fn listed<'a>(protocol: &'a Value, key: &str) -> Vec<&'a str> {
    protocol[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(reader: &[&str], writer: &[&str]) -> Value {
        json!({ "minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": reader, "writerFeatures": writer })
    }

    #[test]
    fn a_protocol_that_has_the_features_stays_as_it_is() {
        let plain = lists(&[], &[]);
        let old = json!({ "minReaderVersion": 1, "minWriterVersion": 2 });
        let writers = json!({ "minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": ["inCommitTimestamp"] });
        let more = lists(&["timestampNtz"], &["timestampNtz", "domainMetadata"]);
        for found in [&plain, &old, &writers, &more] {
            assert_eq!(joined(found, &plain), *found);
        }
        assert_eq!(joined(&more, &lists(&["timestampNtz"], &["timestampNtz"])), more);
    }

    #[test]
    fn a_feature_is_added_to_those_that_the_old_version_implies() {
        let needed = lists(&["timestampNtz"], &["timestampNtz"]);
        for (found, expected) in [
            (lists(&[], &["domainMetadata"]), lists(&["timestampNtz"], &["domainMetadata", "timestampNtz"])),
            (
                json!({ "minReaderVersion": 1, "minWriterVersion": 2 }),
                lists(&["timestampNtz"], &["appendOnly", "invariants", "timestampNtz"]),
            ),
            (
                json!({ "minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": ["inCommitTimestamp"] }),
                lists(&["timestampNtz"], &["inCommitTimestamp", "timestampNtz"]),
            ),
        ] {
            assert_eq!(joined(&found, &needed), expected, "{found}");
        }
    }

    #[test]
    fn features_that_an_alteration_would_break_are_named() {
        assert!(may_alter(&lists(&["timestampNtz"], &["timestampNtz", "appendOnly"])).is_ok());
        assert!(may_alter(&json!({ "minReaderVersion": 1, "minWriterVersion": 2 })).is_ok());
        let error = may_alter(&lists(&["typeWidening"], &["typeWidening", "rowTracking"])).unwrap_err();
        assert!(error.to_string().contains("(rowTracking, typeWidening)"), "{error}");
    }
}
