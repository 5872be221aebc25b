//! Table features that other programs turn on: either the emulator keeps their rules, or it refuses the table.

use zerobus_emulator::Profile;

use super::*;

const OWN: [&str; 2] = ["timestampNtz", "variantType"];

impl Shared {
    /// Sets features, properties and the metadata of the first column.
    fn turn_on(&self, reader: &[&str], writer: &[&str], properties: &[(&str, &str)], column: &[(&str, Value)]) {
        let mut metadata = self.last("metaData");
        for (key, value) in properties {
            metadata["configuration"][key] = json!(value);
        }
        let mut schema: Value = serde_json::from_str(metadata["schemaString"].as_str().unwrap()).unwrap();
        for (key, value) in column {
            schema["fields"][0]["metadata"][key] = value.clone();
        }
        metadata["schemaString"] = json!(schema.to_string());
        let (reader, writer) = ([&OWN, reader].concat(), [&OWN, reader, writer].concat());
        let information = json!({ "timestamp": 1, "inCommitTimestamp": 1, "operation": "SET TBLPROPERTIES" });
        let mut actions = vec![json!({ "commitInfo": information })];
        actions.extend([protocol(&reader, &writer), json!({ "metaData": metadata })]);
        self.commit(&actions);
    }
}

fn definition() -> Value {
    let text = std::fs::read_to_string(tables().join(format!("{ORDERS}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn definition_with_another_column() -> Value {
    with_column(&definition(), json!({ "name": "more", "type_text": "int" }))
}

fn definition_without_the_last_column() -> Value {
    let mut definition = definition();
    definition["columns"].as_array_mut().unwrap().pop();
    definition
}

#[tokio::test]
async fn a_feature_that_the_emulator_does_not_write_to_is_refused_at_the_opening() {
    let none: &[&str] = &[];
    for (reader, writer, properties, column, words, code) in [
        (none, &["zorkFeature"][..], vec![], vec![], "zorkFeature", 4024),
        (none, &["checkConstraints"][..], vec![], vec![], "checkConstraints", 4024),
        (none, &["invariants"][..], vec![], vec![("delta.invariants", json!("{}"))], "invariants", 4024),
        (none, &["allowColumnDefaults"][..], vec![], vec![("CURRENT_DEFAULT", json!("7"))], "has a default", 4024),
        (
            none,
            &["generatedColumns"][..],
            vec![],
            vec![("delta.generationExpression", json!("1 + 1"))],
            "a generated column",
            1022,
        ),
        (
            none,
            &["identityColumns"][..],
            vec![],
            vec![("delta.identity.start", json!(1)), ("delta.identity.step", json!(1))],
            "an identity column",
            1022,
        ),
        (
            none,
            &["rowTracking", "domainMetadata"][..],
            vec![("delta.enableRowTracking", "true")],
            vec![],
            "row tracking",
            1022,
        ),
        (none, &["rowTracking"][..], vec![], vec![], "domainMetadata", 4024),
    ] {
        let mut table = Shared::start().await;
        table.send(0..2).await;
        table.turn_on(reader, writer, &properties, &column);
        let status = table.refusal().await;
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        table.restart().await;
        let status = Call::open(&table.emulator, ORDERS, RecordType::Json, None).await.map(drop).unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(status.message().contains(words), "{words}: {}", status.message());
        assert!(status.message().contains(&format!("Error Code: {code}")), "{}", status.message());
        assert_eq!(table.ids().await, [0, 1], "{words}");
    }
}

#[tokio::test]
async fn acked_rows_wait_in_their_log_while_another_program_makes_the_table_unwritable() {
    let mut table = Shared::start().await;
    table.send(0..2).await;
    let writable = [json!({ "protocol": table.last("protocol") }), json!({ "metaData": table.last("metaData") })];
    let path = table.data.path().to_owned();
    let service = || {
        let emulator = Emulator::builder().schemas(tables()).data(&path).profile(Profile::Service);
        emulator.commit_interval(Duration::from_secs(3_600)).start()
    };
    table.stop().await;
    table.emulator = service().await.unwrap();
    table.send(2..4).await;
    table.turn_on(&[], &["domainMetadata", "rowTracking"], &[("delta.enableRowTracking", "true")], &[]);
    table.stop().await;
    for _ in 0..2 {
        table.emulator = service().await.unwrap();
        let status = table.refusal().await;
        assert!(status.message().contains("has row tracking"), "{status:?}");
        table.stop().await;
    }
    table.commit(&writable);
    table.emulator = service().await.unwrap();
    table.send(4..5).await;
    table.restart().await;
    assert_eq!(table.ids().await, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn catalog_managed_commits_are_refused_at_the_opening() {
    let mut table = Shared::start().await;
    table.send(0..2).await;
    let timestamps = [("delta.enableInCommitTimestamps", "true")];
    table.turn_on(&["catalogManaged"], &["inCommitTimestamp"], &timestamps, &[]);
    table.restart().await;
    let status = Call::open(&table.emulator, ORDERS, RecordType::Json, None).await.map(drop).unwrap_err();
    assert!(status.message().contains("has catalog-managed commits"), "{}", status.message());
    assert!(status.message().contains("Error Code: 4024"), "{}", status.message());
}

#[tokio::test]
async fn files_of_a_table_that_may_track_rows_get_row_ids() {
    let mut table = Shared::start().await;
    table.send(0..1).await;
    table.turn_on(&[], &["rowTracking", "domainMetadata"], &[], &[]);
    for id in 1..40 {
        table.send(id..id + 1).await;
    }
    let watermark: Value =
        serde_json::from_str(table.last("domainMetadata")["configuration"].as_str().unwrap()).unwrap();
    let last = table.last("add");
    let end = last["baseRowId"].as_i64().unwrap() + table_rows(&last);
    assert_eq!(watermark["rowIdHighWaterMark"].as_i64().unwrap(), end - 1);
    let (status, answer) = table.alter(&definition_with_another_column()).await;
    assert_eq!(status, 500);
    assert!(answer["message"].as_str().unwrap().contains("would break (rowTracking)"), "{answer}");
    table.restart().await;
    assert_eq!(table.ids().await, (0..40).collect::<Vec<_>>());
}

fn table_rows(add: &Value) -> i64 {
    let stats: Value = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
    stats["numRecords"].as_i64().unwrap()
}

#[tokio::test]
async fn timestamps_in_commits_grow_with_every_version_and_alteration() {
    let mut table = Shared::start().await;
    table.send(0..1).await;
    let properties = [
        ("delta.enableInCommitTimestamps", "true"),
        ("delta.inCommitTimestampEnablementVersion", "2"),
        ("delta.inCommitTimestampEnablementTimestamp", "1"),
    ];
    table.turn_on(&[], &["inCommitTimestamp"], &properties, &[]);
    for id in 1..40 {
        table.send(id..id + 1).await;
    }
    for definition in [definition_with_another_column(), definition_without_the_last_column()] {
        let (status, answer) = table.alter(&definition).await;
        assert_eq!(status, 200, "{answer}");
    }
    let mut last = 0;
    for version in 2.. {
        let path = table.log().join(format!("{version:020}.json"));
        if !path.exists() {
            break;
        }
        let first = actions(&path).swap_remove(0);
        let stamp = first["commitInfo"]["inCommitTimestamp"].as_i64().unwrap();
        assert!(stamp > last, "version {version}: {stamp} after {last}");
        last = stamp;
    }
    table.restart().await;
    assert_eq!(table.ids().await, (0..40).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_rows_of_an_append_only_table_are_merged_and_not_rewritten() {
    let mut table = Shared::start().await;
    table.send(0..1).await;
    table.turn_on(&[], &["appendOnly"], &[("delta.appendOnly", "true")], &[]);
    for id in 1..40 {
        table.send(id..id + 1).await;
    }
    let (status, answer) = table.alter(&definition_without_the_last_column()).await;
    assert_eq!(status, 500);
    assert!(answer["message"].as_str().unwrap().contains("delta.appendOnly forbids that"), "{answer}");
    let (status, answer) = table.alter(&definition_with_another_column()).await;
    assert_eq!(status, 200, "{answer}");
    table.send(40..41).await;
    assert_eq!(table.ids().await, (0..41).collect::<Vec<_>>());
    table.restart().await;
    assert_eq!(table.ids().await, (0..41).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_alteration_raises_no_version_of_a_protocol_that_suffices() {
    let table = Shared::start().await;
    table.send(0..2).await;
    let before = table.last("protocol");
    let mut other = before.clone();
    other["writerFeatures"].as_array_mut().unwrap().push(json!("domainMetadata"));
    table.commit(&[json!({ "protocol": other.clone() })]);
    let (status, answer) = table.alter(&definition_with_another_column()).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(table.last("protocol"), other);
    table.send(2..3).await;
    assert_eq!(table.ids().await, [0, 1, 2]);
}

#[tokio::test]
async fn a_table_of_another_partitioning_is_refused_at_the_opening() {
    let mut table = Shared::start().await;
    table.send(0..1).await;
    let mut metadata = table.last("metaData");
    metadata["partitionColumns"] = json!(["currency"]);
    table.commit(&[json!({ "metaData": metadata })]);
    table.restart().await;
    let status = Call::open(&table.emulator, ORDERS, RecordType::Json, None).await.map(drop).unwrap_err();
    assert!(status.message().contains("is partitioned by [\"currency\"]"), "{}", status.message());
}

#[tokio::test]
async fn files_with_deletion_vectors_are_left_out_of_merges() {
    let mut table = Shared::start().await;
    table.send(0..5).await;
    let add = table.last("add");
    // One of the files that the next merge would take.
    for id in 5..15 {
        table.send(id..id + 1).await;
    }
    table.commit(&deletion_of_rows_0_and_2(&add));
    for id in 15..80 {
        table.send(id..id + 1).await;
    }
    let expected: Vec<i64> = [1, 3, 4].into_iter().chain(5..80).collect();
    assert_eq!(table.ids().await, expected);
    assert!(merged_files(&table.log()).len() >= 32);
    table.restart().await;
    assert_eq!(table.ids().await, expected);
}
