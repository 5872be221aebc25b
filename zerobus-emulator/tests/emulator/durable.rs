//! Tables that are removed, broken, filled or hurried, and still hold every acked row.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{Call, tables};
use serde_json::{Value, json};
use tonic::Code;
use zerobus_emulator::{Builder, Emulator, Limits, Profile, StartError};

const ORDERS: &str = "main.sales.orders";

fn order(id: i64) -> Value {
    json!({ "order_id": id, "placed_at": 1, "lines": [], "currency": "EUR" })
}

fn builder(data: &Path) -> Builder {
    Emulator::builder().schemas(tables()).data(data)
}

async fn ids(emulator: &Emulator) -> Vec<i64> {
    let rows = emulator.rows(ORDERS).await.unwrap();
    rows.iter().map(|row| row["order_id"].as_i64().unwrap()).collect()
}

/// Sends rows one by one, each acked before the next.
async fn send(call: &mut Call, offsets: std::ops::Range<i64>) {
    for offset in offsets {
        call.send_json(offset, &order(offset)).await;
        call.acked(offset).await;
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn data_files(table: &Path) -> usize {
    names(table).iter().filter(|name| name.starts_with("part-")).count()
}

mod removed {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use super::*;
    use zerobus_emulator::Profile;
    use zerobus_runtime::wire::RecordType;

    #[tokio::test]
    async fn a_table_removed_under_a_stream_is_made_anew() {
        let data = tempfile::tempdir().unwrap();
        let emulator = builder(data.path()).start().await.unwrap();
        let table = emulator.table_path(ORDERS).unwrap();
        let mut call = Call::json(&emulator, ORDERS).await;
        send(&mut call, 0..3).await;
        let removals: [fn(&Path); 4] = [
            |table| std::fs::remove_dir_all(table).unwrap(),
            |table| std::fs::remove_dir_all(table.join("_delta_log")).unwrap(),
            |table| std::fs::rename(table, table.with_extension("moved")).unwrap(),
            |table| std::fs::remove_dir_all(table.parent().unwrap().parent().unwrap()).unwrap(),
        ];
        let mut next = 3;
        for remove in removals {
            remove(&table);
            send(&mut call, next..next + 2).await;
            assert_eq!(ids(&emulator).await, [next, next + 1]);
            next += 2;
        }
        call.finish().await.unwrap();
        emulator.shutdown().await;
        let emulator = builder(data.path()).start().await.unwrap();
        assert_eq!(ids(&emulator).await, [next - 2, next - 1]);
        emulator.shutdown().await;
    }

    #[tokio::test]
    async fn a_table_removed_after_its_checkpoint_is_made_anew() {
        let data = tempfile::tempdir().unwrap();
        let emulator = builder(data.path()).start().await.unwrap();
        let table = emulator.table_path(ORDERS).unwrap();
        let mut call = Call::json(&emulator, ORDERS).await;
        send(&mut call, 0..150).await;
        let log = table.join("_delta_log");
        assert!(names(&log).iter().any(|name| name.ends_with(".checkpoint.parquet")));
        // As `rm -rf` leaves it when a commit comes while it works: the versions so far are gone, the folder is not.
        for name in names(&log) {
            std::fs::remove_file(log.join(name)).unwrap();
        }
        send(&mut call, 150..152).await;
        assert_eq!(ids(&emulator).await, [150, 151]);
        call.finish().await.unwrap();
        emulator.shutdown().await;
    }

    /// A table that a thread removes again and again, at moments that the seed decides, while streams open, write and
    /// end.
    async fn under_removals(profile: Profile, seed: u64) -> Vec<String> {
        let data = tempfile::tempdir().unwrap();
        let interval = Duration::from_millis(20);
        let emulator = builder(data.path()).profile(profile).commit_interval(interval).start().await.unwrap();
        let table = emulator.table_path(ORDERS).unwrap();
        let stream = async || {
            let mut call = Call::open(&emulator, ORDERS, RecordType::Json, None).await?;
            for offset in 0..6 {
                call.send_json(offset, &order(offset)).await;
            }
            call.finish().await
        };
        // As long as a stream takes here and now, so that a busy machine gets to commit between two removals.
        let begin = Instant::now();
        stream().await.unwrap();
        let longest = begin.elapsed().max(Duration::from_millis(30));
        let done = Arc::new(AtomicBool::new(false));
        let remover = {
            let (done, mut random) = (Arc::clone(&done), fastrand::Rng::with_seed(seed));
            std::thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    std::thread::sleep(longest.mul_f64(random.f64()));
                    // What the emulator writes at the same moment may stay, as with `rm -rf`.
                    let _ = std::fs::remove_dir_all(&table);
                }
            })
        };
        let mut failed = Vec::new();
        for _ in 0..40 {
            let ends = tokio::join!(stream(), stream(), stream(), stream());
            let ends = [ends.0, ends.1, ends.2, ends.3];
            failed.extend(ends.into_iter().filter_map(|end| match end {
                Ok(acked) => (acked != Some(5)).then(|| format!("{acked:?} is acked")),
                Err(status) => Some(status.message().to_owned()),
            }));
        }
        done.store(true, Ordering::Relaxed);
        remover.join().unwrap();
        emulator.shutdown().await;
        failed
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_table_removed_during_commits_ends_no_stream() {
        assert_eq!(under_removals(Profile::Fast, 7).await, [""; 0]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_table_removed_while_rows_are_in_the_log_ends_no_stream() {
        assert_eq!(under_removals(Profile::Service, 7).await, [""; 0]);
    }

    #[tokio::test]
    async fn a_log_without_its_beginning_is_set_aside() {
        let data = tempfile::tempdir().unwrap();
        let log = data.path().join("main/sales/orders/_delta_log");
        std::fs::create_dir_all(&log).unwrap();
        std::fs::write(log.join("00000000000000000057.json"), "{\"commitInfo\":{}}\n").unwrap();
        let emulator = builder(data.path()).start().await.unwrap();
        let mut call = Call::json(&emulator, ORDERS).await;
        send(&mut call, 0..1).await;
        assert_eq!(ids(&emulator).await, [0]);
        assert!(names(log.parent().unwrap()).iter().any(|name| name.starts_with("_delta_log.removed-")));
        call.finish().await.unwrap();
        emulator.shutdown().await;
    }

    #[tokio::test]
    async fn a_torn_last_version_is_removed() {
        let data = tempfile::tempdir().unwrap();
        let emulator = builder(data.path()).start().await.unwrap();
        let log = emulator.table_path(ORDERS).unwrap().join("_delta_log");
        let mut call = Call::json(&emulator, ORDERS).await;
        send(&mut call, 0..2).await;
        call.finish().await.unwrap();
        emulator.shutdown().await;
        for torn in ["", "{\"commitInfo\":{}}\n{\"add\":{\"pa", "\0\0\0\0"] {
            std::fs::write(log.join("00000000000000000003.json"), torn).unwrap();
            let emulator = builder(data.path()).start().await.unwrap();
            assert_eq!(Call::json(&emulator, ORDERS).await.finish().await.unwrap(), None);
            assert_eq!(ids(&emulator).await, [0, 1]);
            emulator.shutdown().await;
        }
    }
}

mod folder {
    use super::*;

    #[tokio::test]
    async fn a_data_folder_has_one_emulator_at_a_time() {
        let data = tempfile::tempdir().unwrap();
        let first = builder(data.path()).start().await.unwrap();
        let Err(StartError::Data { source, .. }) = builder(data.path()).start().await else {
            panic!("a second emulator has the folder")
        };
        assert!(source.to_string().contains("another emulator uses it"), "{source}");
        first.shutdown().await;
        builder(data.path()).start().await.unwrap().shutdown().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_folder_that_is_removed_after_a_shutdown_stays_removed() {
        let folders: Vec<_> = (0..30).map(|_| tempfile::tempdir().unwrap()).collect();
        for folder in &folders {
            builder(folder.path()).start().await.unwrap().shutdown().await;
            std::fs::remove_dir_all(folder.path()).unwrap();
        }
        for folder in &folders {
            assert!(!folder.path().exists());
        }
    }

    /// Removes a folder that the emulator may be writing to.
    fn remove(folder: &Path) {
        while folder.exists() {
            let _ = std::fs::remove_dir_all(folder);
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_folder_that_is_removed_stays_with_the_emulator_that_uses_it_first_again() {
        for profile in [Profile::Fast, Profile::Service] {
            let data = tempfile::tempdir().unwrap();
            // No commit of its own accord, which would take the folder again.
            let start = || builder(data.path()).profile(profile).commit_interval(Duration::from_secs(3_600)).start();
            let first = start().await.unwrap();
            let mut call = Call::json(&first, ORDERS).await;
            call.send_json(0, &order(0)).await;
            call.acked(0).await;
            remove(data.path());
            call.send_json(1, &order(1)).await;
            call.acked(1).await;
            let error = start().await.map(drop).unwrap_err();
            assert!(matches!(error, StartError::Data { .. }), "{error}");
            remove(data.path());
            let second = start().await.unwrap();
            call.send_json(2, &order(2)).await;
            let status = call.refusal().await;
            assert!(status.message().contains("another emulator uses it"), "{status:?}");
            let mut call = Call::json(&second, ORDERS).await;
            call.send_json(0, &order(3)).await;
            call.acked(0).await;
            drop(call);
            second.shutdown().await;
            let mut call = Call::json(&first, ORDERS).await;
            call.send_json(0, &order(4)).await;
            call.acked(0).await;
            drop(call);
            first.shutdown().await;
            let found = builder(data.path()).start().await.unwrap();
            let ids = ids(&found).await;
            assert!(ids.ends_with(&[4]) && ids.contains(&3) && !ids.contains(&2), "{ids:?}");
        }
    }

    #[tokio::test]
    async fn a_folder_that_is_removed_stays_away_if_no_row_comes() {
        for profile in [Profile::Fast, Profile::Service] {
            let data = tempfile::tempdir().unwrap();
            let start = builder(data.path()).profile(profile).commit_interval(Duration::ZERO).start();
            let emulator = start.await.unwrap();
            let mut call = Call::json(&emulator, ORDERS).await;
            call.send_json(0, &order(0)).await;
            call.acked(0).await;
            drop(call);
            // The last table that is created at the start, and the row.
            let last = data.path().join("main/types/every_type/_delta_log/00000000000000000000.json");
            while !last.is_file() || ids(&emulator).await.is_empty() {
                tokio::task::yield_now().await;
            }
            remove(data.path());
            emulator.shutdown().await;
            assert!(!data.path().exists());
        }
    }

    #[tokio::test]
    async fn an_emulator_that_is_dropped_lets_go_of_its_folder() {
        let data = tempfile::tempdir().unwrap();
        for id in 0..3 {
            let emulator = builder(data.path()).start().await.unwrap();
            let mut call = Call::json(&emulator, ORDERS).await;
            call.send_json(0, &order(id)).await;
            call.acked(0).await;
            drop(emulator);
        }
        let emulator = builder(data.path()).start().await.unwrap();
        assert_eq!(ids(&emulator).await, [0, 1, 2]);
        emulator.shutdown().await;
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_folder_that_cannot_hold_rows_is_refused_at_the_start() {
        for bad in ["/proc/zerobus", "/dev/full/zerobus"] {
            let error = builder(Path::new(bad)).start().await.unwrap_err();
            assert!(matches!(error, StartError::Data { .. }), "{error}");
            assert!(error.to_string().contains("name one that can be written to"), "{error}");
        }
    }
}

mod small {
    use super::*;

    fn versions(log: &Path) -> Vec<String> {
        names(log).into_iter().filter(|name| name.strip_suffix(".json").is_some()).collect()
    }

    #[tokio::test]
    async fn small_commits_leave_a_small_folder() {
        let data = tempfile::tempdir().unwrap();
        let emulator = builder(data.path()).history(Duration::ZERO).start().await.unwrap();
        let table = emulator.table_path(ORDERS).unwrap();
        let mut call = Call::json(&emulator, ORDERS).await;
        send(&mut call, 0..500).await;
        assert_eq!(ids(&emulator).await, (0..500).collect::<Vec<_>>());
        call.finish().await.unwrap();
        emulator.shutdown().await;
        assert!(data_files(&table) < 100, "{} data files", data_files(&table));
        let versions = versions(&table.join("_delta_log"));
        assert!(versions.len() < 150, "{} versions", versions.len());
        assert!(!versions.contains(&"00000000000000000000.json".to_owned()));
        let emulator = builder(data.path()).start().await.unwrap();
        let mut call = Call::json(&emulator, ORDERS).await;
        send(&mut call, 0..1).await;
        assert_eq!(ids(&emulator).await, (0..500).chain([0]).collect::<Vec<_>>());
        call.finish().await.unwrap();
        emulator.shutdown().await;
    }

    #[tokio::test]
    async fn history_that_is_asked_for_is_kept() {
        let data = tempfile::tempdir().unwrap();
        let emulator = builder(data.path()).history(Duration::from_secs(3_600)).start().await.unwrap();
        let table = emulator.table_path(ORDERS).unwrap();
        let mut call = Call::json(&emulator, ORDERS).await;
        send(&mut call, 0..210).await;
        call.finish().await.unwrap();
        emulator.shutdown().await;
        assert!(data_files(&table) > 210, "{} data files", data_files(&table));
        assert!(versions(&table.join("_delta_log")).contains(&"00000000000000000000.json".to_owned()));
    }

    #[tokio::test]
    async fn files_that_no_version_has_are_removed_at_the_opening() {
        let data = tempfile::tempdir().unwrap();
        let emulator = builder(data.path()).start().await.unwrap();
        let table = emulator.table_path(ORDERS).unwrap();
        let mut call = Call::json(&emulator, ORDERS).await;
        send(&mut call, 0..1).await;
        call.finish().await.unwrap();
        emulator.shutdown().await;
        let own = names(&table).into_iter().find(|name| name.starts_with("part-")).unwrap();
        let orphan =
            format!("{}AAAAAAAA.parquet", own.strip_suffix(".parquet").unwrap().get(..own.len() - 16).unwrap());
        std::fs::write(table.join(&orphan), "x").unwrap();
        std::fs::write(table.join("mine.parquet"), "x").unwrap();
        let emulator = builder(data.path()).history(Duration::ZERO).start().await.unwrap();
        let mut call = Call::json(&emulator, ORDERS).await;
        send(&mut call, 0..1).await;
        call.finish().await.unwrap();
        assert_eq!(ids(&emulator).await, [0, 0]);
        emulator.shutdown().await;
        let names = names(&table);
        assert!(
            !names.contains(&orphan) && names.contains(&own) && names.contains(&"mine.parquet".to_owned()),
            "{names:?}"
        );
    }
}

mod wide {
    use super::*;

    fn schema(folder: &Path, columns: &[Value]) -> PathBuf {
        let columns: Vec<Value> = (0..)
            .zip(columns)
            .map(|(position, column)| {
                let mut column = column.clone();
                column["position"] = json!(position);
                column
            })
            .collect();
        let info = json!({ "name": "t", "catalog_name": "main", "schema_name": "wide", "columns": columns });
        let file = folder.join("t.json");
        std::fs::write(&file, info.to_string()).unwrap();
        file
    }

    #[tokio::test]
    async fn sparse_rows_of_a_wide_table_read_back_as_they_were_sent() {
        let folder = tempfile::tempdir().unwrap();
        let kinds =
            ["bigint", "string", "array<int>", "map<string,int>", "struct<a:int,b:array<int>>", "boolean", "binary"];
        let columns: Vec<Value> = (0..700)
            .map(|i| json!({ "name": format!("c{i}"), "type_text": kinds[i % 7], "nullable": i != 693 }))
            .collect();
        let file = schema(folder.path(), &columns);
        let emulator = Emulator::builder().schemas(&file).data(folder.path().join("data")).start().await.unwrap();
        let sparse = json!({ "c693": 1, "c2": [1], "c350": 7, "c4": { "b": [2] }, "c6": "AA==" });
        let dense: Value = (0..700)
            .map(|i| {
                let value = [
                    json!(i),
                    json!("x"),
                    json!([i]),
                    json!({ "k": i }),
                    json!({ "a": i, "b": [] }),
                    json!(true),
                    json!("AA=="),
                ];
                (format!("c{i}"), value[i % 7].clone())
            })
            .collect::<serde_json::Map<_, _>>()
            .into();
        let mut call = Call::json(&emulator, "main.wide.t").await;
        let mut rows = vec![sparse.clone(); 2_000];
        rows.push(dense.clone());
        call.send_jsons(0, &rows).await;
        call.acked(0).await;
        call.send_json(1, &json!({ "c2": [1] })).await;
        let status = call.refusal().await;
        assert!(status.message().contains("c693") && status.message().contains("NOT NULL"), "{}", status.message());
        let stored = emulator.rows("main.wide.t").await.unwrap();
        assert_eq!(stored.len(), 2_001);
        assert_eq!(stored[2_000], dense);
        for row in [&stored[0], &stored[1_999]] {
            let values: Vec<(&String, &Value)> =
                row.as_object().unwrap().iter().filter(|(_, value)| !value.is_null()).collect();
            let empty = |value: &Value| value == &json!([]) || value == &json!({});
            let full: Vec<&str> =
                values.iter().filter(|(_, value)| !empty(value)).map(|(name, _)| name.as_str()).collect();
            assert_eq!(full, ["c2", "c350", "c4", "c6", "c693"]);
            assert_eq!(
                (&row["c4"], &row["c3"], &row["c11"]),
                (&json!({ "a": null, "b": [2] }), &json!({}), &Value::Null)
            );
        }
        emulator.shutdown().await;
    }

    #[tokio::test]
    async fn partition_values_of_every_type_are_stored_or_refused_as_records() {
        let folder = tempfile::tempdir().unwrap();
        let long = "x".repeat(300);
        let cases = [
            (
                "string",
                vec![
                    json!("a/b"),
                    json!(".."),
                    json!("%2F"),
                    json!("ü\u{1F30D}\n\u{1}"),
                    json!("__HIVE_DEFAULT_PARTITION__x"),
                    json!(""),
                ],
            ),
            ("binary", vec![json!("YQ=="), json!("")]),
            ("date", vec![json!(-719_162), json!(2_932_896)]),
            ("timestamp", vec![json!(-62_135_596_800_000_000_i64), json!(253_402_300_799_999_999_i64), json!(-1)]),
            ("timestamp_ntz", vec![json!(-62_135_596_800_000_000_i64), json!(253_402_300_799_999_999_i64)]),
            ("decimal(38,10)", vec![json!("-0.5000000000"), json!("1234567890123456789012345678.0123456789")]),
            ("double", vec![json!("NaN"), json!("-Infinity"), json!(1e300), json!(-0.0)]),
            ("float", vec![json!("Infinity"), json!(0.1)]),
            ("boolean", vec![json!(true)]),
            ("tinyint", vec![json!(-128)]),
            ("bigint", vec![json!(i64::MIN)]),
        ];
        for (kind, values) in cases {
            let partition = json!({ "name": "p", "type_text": kind, "partition_index": 0 });
            let file = schema(folder.path(), &[json!({ "name": "id", "type_text": "int" }), partition]);
            let data = folder.path().join(kind.replace(['(', ',', ')'], "_"));
            let emulator = Emulator::builder().schemas(&file).data(&data).start().await.unwrap();
            let mut call = Call::json(&emulator, "main.wide.t").await;
            let mut rows: Vec<Value> = (0..).zip(&values).map(|(id, value)| json!({ "id": id, "p": value })).collect();
            rows.push(json!({ "id": -1 }));
            // Often enough for merges in each partition.
            for offset in 0..20 {
                call.send_jsons(offset, &rows).await;
                call.acked(offset).await;
            }
            call.finish().await.unwrap();
            let stored = emulator.rows("main.wide.t").await.unwrap();
            assert_eq!(stored.len(), rows.len() * 20, "{kind}");
            for row in &rows {
                let mut wanted = row.clone();
                if row["p"].is_null() || row["p"] == "" {
                    wanted["p"] = Value::Null;
                }
                let same = stored
                    .iter()
                    .filter(|stored| stored["id"] == wanted["id"])
                    .all(|stored| stored["p"] == wanted["p"]);
                assert!(same, "{kind}: {wanted}");
            }
            emulator.shutdown().await;
        }
        for (kind, nullable, value, why) in [
            ("string", true, json!(long), "longer than 255"),
            ("string", true, json!("/".repeat(100)), "longer than 255"),
            ("binary", true, json!("/w=="), "has to be UTF-8"),
            ("string", false, json!(""), "reads an empty value as NULL"),
        ] {
            let partition = json!({ "name": "p", "type_text": kind, "partition_index": 0, "nullable": nullable });
            let file = schema(folder.path(), &[json!({ "name": "id", "type_text": "int" }), partition]);
            let data = tempfile::tempdir().unwrap();
            let emulator = Emulator::builder().schemas(&file).data(data.path()).start().await.unwrap();
            let mut call = Call::json(&emulator, "main.wide.t").await;
            call.send_json(0, &json!({ "id": 1, "p": value })).await;
            let status = call.refusal().await;
            assert_eq!(status.code(), Code::InvalidArgument, "{}", status.message());
            assert!(
                status.message().contains(why) && status.message().contains("Error Code: 4044"),
                "{}",
                status.message()
            );
            emulator.shutdown().await;
        }
    }

    #[tokio::test]
    async fn partitions_beyond_the_quota_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let partition = json!({ "name": "p", "type_text": "int", "partition_index": 0 });
        let file = schema(folder.path(), &[json!({ "name": "id", "type_text": "int" }), partition]);
        let mut limits = Limits::default();
        limits.partitions_per_table = Some(100);
        let emulator = Emulator::builder().schemas(&file).limits(limits).start().await.unwrap();
        let rows = |partitions: std::ops::Range<i64>| partitions.map(|p| json!({ "p": p })).collect::<Vec<_>>();
        let mut call = Call::json(&emulator, "main.wide.t").await;
        call.send_jsons(0, &rows(0..60)).await;
        call.send_jsons(1, &rows(40..100)).await;
        call.acked(1).await;
        let mut other = Call::json(&emulator, "main.wide.t").await;
        other.send_jsons(0, &rows(100..101)).await;
        let status = other.refusal().await;
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(
            status.message().contains("101 partitions of the table within 5 seconds, more than 100"),
            "{}",
            status.message()
        );
        call.finish().await.unwrap();
        emulator.shutdown().await;
    }
}
