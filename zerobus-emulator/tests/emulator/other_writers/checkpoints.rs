//! Checkpoints that other programs write: in several files, by the V2 specification, or only in part.

use std::collections::BTreeMap;
use std::fs;

use super::*;

impl Shared {
    fn last_version(&self) -> u64 {
        let names = fs::read_dir(self.log()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let versions = names.filter_map(|name| name.strip_suffix(".json")?.parse().ok());
        versions.max().unwrap()
    }

    /// Removes the log before this version.
    fn trim(&self, version: u64) {
        for path in fs::read_dir(self.log()).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_str().unwrap();
            if name.get(..20).and_then(|digits| digits.parse::<u64>().ok()).is_some_and(|found| found < version) {
                fs::remove_file(path).unwrap();
            }
        }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.log().join(name), text).unwrap();
    }

    /// A V2 checkpoint of the last version, in one JSON file without sidecars.
    fn checkpoint_in_json(&self) -> u64 {
        let features = ["timestampNtz", "v2Checkpoint", "variantType"];
        self.commit(&[protocol(&features, &features)]);
        let version = self.last_version();
        let mut files = BTreeMap::new();
        for action in (0..=version).flat_map(|version| actions(&self.log().join(format!("{version:020}.json")))) {
            if let Some(add) = action.get("add") {
                files.insert(add["path"].to_string(), json!({ "add": add }));
            }
            if let Some(remove) = action.get("remove") {
                files.remove(&remove["path"].to_string());
            }
        }
        let mut lines = vec![
            json!({ "checkpointMetadata": { "version": version } }),
            json!({ "protocol": self.last("protocol") }),
            json!({ "metaData": self.last("metaData") }),
        ];
        lines.extend(files.into_values());
        let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
        let name = format!("{version:020}.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json");
        self.write(&name, &lines.join("\n"));
        version
    }

    /// A commit for each row.
    async fn send_one_by_one(&self, ids: std::ops::Range<i64>) {
        let mut call = Call::json(&self.emulator, ORDERS).await;
        for (offset, id) in (0..).zip(ids) {
            call.send_json(offset, &order(id)).await;
            call.acked(offset).await;
        }
        call.finish().await.unwrap();
    }

    /// Makes the checkpoint of the log the sidecar of a V2 checkpoint in JSON, and removes the log before it.
    fn checkpoint_with_sidecar(&self) -> PathBuf {
        let mut names =
            fs::read_dir(self.log()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let name = names.find(|name| name.ends_with(".checkpoint.parquet")).unwrap();
        let version: u64 = name[..20].parse().unwrap();
        fs::create_dir(self.log().join("_sidecars")).unwrap();
        let sidecar = self.log().join("_sidecars/8d1f2a4e.parquet");
        fs::rename(self.log().join(&name), &sidecar).unwrap();
        let features = ["timestampNtz", "v2Checkpoint", "variantType"];
        let size = fs::metadata(&sidecar).unwrap().len();
        let lines = [
            json!({ "checkpointMetadata": { "version": version } }),
            protocol(&features, &features),
            json!({ "metaData": self.last("metaData") }),
            json!({ "sidecar": { "path": "8d1f2a4e.parquet", "sizeInBytes": size, "modificationTime": 1 } }),
        ];
        self.trim(version);
        let name = format!("{version:020}.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json");
        self.write(&name, &lines.map(|line| line.to_string()).join("\n"));
        let _ = fs::remove_file(self.log().join("_last_checkpoint"));
        sidecar
    }

    /// Every file of the table with its size.
    fn files(&self) -> Vec<(PathBuf, u64)> {
        fn below(folder: &Path, files: &mut Vec<(PathBuf, u64)>) {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let metadata = entry.metadata().unwrap();
                if metadata.is_dir() {
                    below(&entry.path(), files);
                } else {
                    files.push((entry.path(), metadata.len()));
                }
            }
        }
        let mut files = Vec::new();
        below(&self.data.path().join("main/sales"), &mut files);
        files.sort_unstable();
        files
    }

    /// The same after a restart by which old versions are removed at once.
    async fn restart_without_history(&mut self) {
        self.stop().await;
        let builder = Emulator::builder().schemas(tables()).data(self.data.path()).history(Duration::ZERO);
        self.emulator = builder.start().await.unwrap();
    }
}

#[tokio::test]
async fn a_log_that_begins_with_a_v2_checkpoint_in_json_is_read_and_written_on() {
    let mut table = Shared::start().await;
    table.send(0..3).await;
    table.send(3..5).await;
    let version = table.checkpoint_in_json();
    table.trim(version);
    table.send(5..6).await;
    assert_eq!(table.ids().await, [0, 1, 2, 3, 4, 5]);
    table.restart().await;
    assert_eq!(table.ids().await, [0, 1, 2, 3, 4, 5]);
    // Behind its own next checkpoint the emulator removes the other one.
    for id in 6..110 {
        table.send(id..id + 1).await;
    }
    table.restart_without_history().await;
    table.send(110..111).await;
    assert_eq!(table.ids().await, (0..111).collect::<Vec<_>>());
}

#[tokio::test]
async fn commits_stay_until_a_checkpoint_has_all_of_its_files() {
    let mut table = Shared::start().await;
    for id in 0..4 {
        table.send(id..id + 1).await;
    }
    table.write("00000000000000000003.checkpoint.0000000001.0000000002.parquet", "PAR1 and PAR1");
    table.write("00000000000000000004.checkpoint.parquet", "");
    for round in 0..2 {
        table.restart_without_history().await;
        table.send(4 + round..5 + round).await;
    }
    table.restart().await;
    assert!(table.log().join("00000000000000000000.json").is_file());
    assert_eq!(table.ids().await, [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_last_checkpoint_that_says_nothing_is_passed_over() {
    for text in ["", "{\"vers", "null", "[]", "{\"version\":-1,\"size\":3}"] {
        let mut table = Shared::start().await;
        table.send(0..2).await;
        table.write("_last_checkpoint", text);
        table.send(2..3).await;
        table.restart().await;
        table.send(3..4).await;
        assert_eq!(table.ids().await, [0, 1, 2, 3], "{text}");
    }
}

#[tokio::test]
async fn a_damaged_log_is_refused_with_the_name_of_the_file_and_stays_as_it_is() {
    const PART: &str = "00000000000000000002.checkpoint.0000000001.0000000002.parquet";
    const TORN: &str = "00000000000000000002.checkpoint.parquet";
    const HINT: (&str, &str) = ("_last_checkpoint", "{\"version\":2,\"size\":3}");
    for (files, trimmed, words) in [
        (vec![HINT], false, "_last_checkpoint names version 2, and the log has no whole checkpoint"),
        (vec![HINT, (PART, "PAR1 and PAR1")], false, "_last_checkpoint names version 2"),
        (vec![(PART, "PAR1 and PAR1")], true, "missing or empty (found: 00000000000000000002.checkpoint.0000000001."),
        (vec![(TORN, "")], true, "missing or empty (found: 00000000000000000002.checkpoint.parquet)"),
        (
            vec![(TORN, "PAR1 and then nothing")],
            false,
            "the checkpoint 00000000000000000002.checkpoint.parquet is torn",
        ),
    ] {
        let mut table = Shared::start().await;
        table.send(0..1).await;
        table.send(1..2).await;
        for (name, text) in files {
            table.write(name, text);
        }
        if trimmed {
            table.trim(2);
        }
        let before = table.files();
        table.restart().await;
        let status = Call::open(&table.emulator, ORDERS, RecordType::Json, None).await.map(drop).unwrap_err();
        assert!(status.message().contains(words), "{}", status.message());
        let error = table.emulator.rows(ORDERS).await.unwrap_err();
        assert!(error.to_string().contains("cannot be read"), "{error}");
        table.restart().await;
        assert_eq!(table.files(), before);
    }
}

#[tokio::test]
async fn sidecars_stay_as_long_as_a_checkpoint_names_them_and_then_go() {
    let mut table = Shared::start().await;
    table.send_one_by_one(0..100).await;
    table.stop().await;
    let sidecar = table.checkpoint_with_sidecar();
    table.restart().await;
    assert_eq!(table.ids().await.len(), 100);
    table.restart_without_history().await;
    table.send(100..101).await;
    assert_eq!(table.ids().await.len(), 101);
    assert!(sidecar.is_file());
    table.send_one_by_one(101..210).await;
    table.restart_without_history().await;
    table.send(210..211).await;
    table.restart().await;
    assert_eq!(table.ids().await.len(), 211);
    assert!(!sidecar.exists());
}

#[tokio::test]
async fn what_is_missing_in_a_log_that_nobody_removes_is_refused_at_once_with_its_name() {
    type Find = fn(&Shared) -> PathBuf;
    let missing: [(&str, Find); 2] = [
        ("names the sidecar 8d1f2a4e.parquet, which is missing", Shared::checkpoint_with_sidecar),
        ("the log has no commit of version 40, and has later ones", |table| {
            table.log().join("00000000000000000040.json")
        }),
    ];
    for (words, find) in missing {
        let mut table = Shared::start().await;
        // As many commits as have a checkpoint, or fewer.
        let commits = if words.contains("sidecar") { 100 } else { 50 };
        table.send_one_by_one(0..commits).await;
        table.stop().await;
        fs::remove_file(find(&table)).unwrap();
        table.emulator = start(table.data.path()).await;
        let begin = Instant::now();
        let status = table.refusal().await;
        assert!(status.message().contains(words), "{}", status.message());
        assert!(table.emulator.rows(ORDERS).await.is_err());
        assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    }
}
