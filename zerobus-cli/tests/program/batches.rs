//! Parquet and Arrow files: their rows arrive, `replay` sends refused ones again, and a checkpoint can end within a
//! file.

use std::fs::File;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Decimal128Array, Float64Array, Int64Array, ListArray, RecordBatch, StringArray,
    TimestampMillisecondArray, types::Int32Type,
};
use arrow_ipc::writer::{FileWriter, StreamWriter};
use parquet::arrow::ArrowWriter;
use serde_json::json;

use crate::support::{Bench, TABLE};

fn batch(ids: std::ops::Range<i64>) -> RecordBatch {
    let names: Vec<String> = ids.clone().map(|id| format!("n{id}")).collect();
    let columns: [(&str, ArrayRef); 3] = [
        ("ID", Arc::new(Int64Array::from_iter_values(ids.clone()))),
        ("name", Arc::new(StringArray::from_iter_values(names))),
        ("at", Arc::new(TimestampMillisecondArray::from_iter_values(ids))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn parquet(path: &std::path::Path, batches: &[RecordBatch]) {
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batches[0].schema(), None).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
        writer.flush().unwrap();
    }
    writer.close().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_parquet_and_of_both_forms_of_arrow_arrive() {
    let bench = Bench::new().await;
    parquet(&bench.path("a.parquet"), &[batch(0..3_000), batch(3_000..5_000)]);
    let mut file = FileWriter::try_new(File::create(bench.path("b.arrow")).unwrap(), &batch(0..1).schema()).unwrap();
    file.write(&batch(5_000..6_000)).unwrap();
    file.finish().unwrap();
    let stream = File::create(bench.path("c.arrows")).unwrap();
    let mut stream = StreamWriter::try_new(stream, &batch(0..1).schema()).unwrap();
    stream.write(&batch(6_000..7_000)).unwrap();
    stream.finish().unwrap();
    let arguments = ["send", TABLE, "a.parquet", "b.arrow", "c.arrows", "--json", "--checkpoint", "state.json"];
    let run = bench.run(&arguments).await;
    assert_eq!((run.code, run.json()["rows_durable"].as_u64()), (0, Some(7_000)), "{run:?}");
    assert_eq!(bench.ids().await, (0..7_000).collect::<Vec<_>>());
    let rows = bench.rows().await;
    let row = rows.iter().find(|row| row["id"] == 3_001).unwrap();
    assert_eq!((&row["name"], &row["at"]), (&json!("n3001"), &json!(3_001_000)));
    // The same command has nothing left to do. If the checkpoint counts fewer rows, it sends the rows after those.
    let state = bench.read("state.json");
    assert_eq!(bench.run(&arguments).await.json()["rows_read"], 0);
    bench.write("state.json", state.replace(":5000,", ":4990,").replace(":1000,", ":995,"));
    let run = bench.run(&arguments).await;
    assert_eq!(run.json()["rows_read"], 20, "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_row_of_a_batch_is_kept_as_json_and_replayed() {
    let bench = Bench::new().await;
    let price = Decimal128Array::from(vec![1_999, 12_345, 1]).with_precision_and_scale(20, 3).unwrap();
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)]), None, None]);
    let columns: [(&str, ArrayRef); 3] = [
        ("id", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.5]))),
        ("price", Arc::new(price)),
        ("tags", Arc::new(StringArray::from(vec![Some("[\"x\"]"), None, None]))),
    ];
    parquet(&bench.path("a.parquet"), &[RecordBatch::try_from_iter(columns).unwrap()]);
    let arguments = ["send", TABLE, "a.parquet", "--json", "--dead-letters", "dead.ndjson", "--max-rejected", "9"];
    let run = bench.run(&arguments).await;
    assert_eq!((run.code, run.json()["rows_refused"].as_u64()), (3, Some(3)), "{run:?}");
    let dead = bench.read("dead.ndjson");
    assert!(dead.contains("a.parquet, row 1") && dead.contains("\"price\":\"1.999\""), "{dead}");
    assert!(dead.contains("found the number 3.5, expected BIGINT"), "{dead}");
    // A column with an unsupported type is an error of the file.
    parquet(&bench.path("b.parquet"), &[RecordBatch::try_from_iter([("tags", Arc::new(lists) as ArrayRef)]).unwrap()]);
    let run = bench.run(&["send", TABLE, "b.parquet"]).await;
    assert!(run.err.contains("b.parquet: column tags.element: found Arrow's Int32, expected STRING"), "{run:?}");
}
