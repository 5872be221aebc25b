//! Folders of a spool: files that are missing or no files, other processes, streams that have ended, places that cannot
//! be written.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scripted::gate::Gate;
use scripted::{Call, Row, Scripted, Server, client, silent};
use tonic::Status;
use zerobus_runtime::{ErrorKind, SpoolFolder, SpoolLevel, StreamBuilder, StreamEvent};

/// Names of the segments, the oldest first.
fn segments(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "seg")).collect();
    segments.sort();
    segments
}

/// A stream that is not reached by any service, with small segments.
fn away(folder: &Path) -> StreamBuilder<Row> {
    let client = client("http://127.0.0.1:9").build().unwrap();
    let stream = client.stream::<Row>().spool(folder).spool_level(SpoolLevel::Power);
    stream.max_spool_bytes(16 * 1024 * 1024).spool_segment_bytes(4096).max_batch_rows(1)
}

/// Leaves rows in a folder, several segments of them.
async fn leave(folder: &Path, rows: u64) {
    let stream = away(folder).open().await.unwrap();
    for n in 0..rows {
        stream.send_spooled(&Row::padded(n, 500)).await.unwrap();
    }
    stream.close_within(Duration::ZERO).await.unwrap_err();
}

#[tokio::test]
async fn a_segment_that_was_deleted_costs_its_rows_and_no_other() {
    for deleted in [0, 2] {
        let folder = tempfile::tempdir().unwrap();
        leave(folder.path(), 40).await;
        let before = segments(folder.path());
        assert!(before.len() > 4, "{before:?}");
        fs::remove_file(&before[deleted]).unwrap();
        let server = Scripted::new(Call::serve).start().await;
        let damaged = Arc::new(Mutex::new(0));
        let events = Arc::clone(&damaged);
        let stream = server.client().stream::<Row>().spool(folder.path()).spool_level(SpoolLevel::Power);
        let stream = stream.on_event(move |event| {
            if let StreamEvent::SpoolDamaged { rows, .. } = event {
                *events.lock().unwrap() += *rows;
            }
        });
        let stream = stream.open().await.unwrap();
        stream.send(&Row::new(40)).await.unwrap();
        stream.flush().await.unwrap();
        let stats = stream.stats();
        let _ = stream.close().await;
        let (durable, lost) = (server.records.durable(), *damaged.lock().unwrap());
        assert_eq!(durable.len() as u64 + lost, 41, "each row is delivered or told: {durable:?}");
        assert!(lost > 0 && lost < 12 && durable.last() == Some(&40), "{lost}: {durable:?}");
        assert_eq!((stats.rows_in_flight, stats.rows_returned), (0, lost));
        assert_eq!(segments(folder.path()), Vec::<PathBuf>::new());
    }
}

#[tokio::test]
async fn segments_that_are_deleted_under_a_stream_free_their_room() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let stream = server.client().stream::<Row>().spool(folder.path()).max_spool_bytes(1024 * 1024);
    let stream = stream.spool_segment_bytes(4096).max_batch_rows(1).open().await.unwrap();
    for n in 0..40 {
        stream.send_spooled(&Row::padded(n, 500)).await.unwrap();
    }
    for segment in &segments(folder.path())[..4] {
        fs::remove_file(segment).unwrap();
    }
    gate.open();
    // More than the spool holds at a time: it goes on only if what is settled goes.
    for n in 40..4000 {
        stream.send(&Row::padded(n, 500)).await.unwrap();
    }
    let _ = stream.close().await;
    assert_eq!(server.records.durable().last(), Some(&3999));
    assert_eq!(segments(folder.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_folder_in_place_of_a_file_is_reported_and_keeps_no_row_back() {
    for name in ["lock", "spool.json"] {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(name)).unwrap();
        let error = away(folder.path()).open().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{name}: {error}");
        assert!(error.to_string().contains("cannot be used"), "{name}: {error}");
    }
    for name in ["position", "00000000000000000003.seg", "00000000000000000900.seg", "stream.json"] {
        let folder = tempfile::tempdir().unwrap();
        leave(folder.path(), 20).await;
        let path = folder.path().join(name);
        let _ = fs::remove_file(&path);
        fs::create_dir_all(&path).unwrap();
        let server = Scripted::new(Call::serve).start().await;
        let stream = server.client().stream::<Row>().spool(folder.path()).open().await.unwrap();
        stream.send(&Row::new(20)).await.unwrap();
        let _ = stream.close().await;
        let durable = server.records.durable();
        assert!(durable.len() >= 12 && durable.last() == Some(&20), "{name}: {durable:?}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_place_that_cannot_be_written_is_refused_with_a_sentence() {
    for place in ["/proc/zerobus-spool", "/sys/kernel/zerobus-spool/deep", "/dev/null/spool"] {
        let error = away(Path::new(place)).open().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        let text = error.to_string();
        assert!(text.contains(&format!("the spool `{place}` cannot be used: ")), "{text}");
        assert!(text.ends_with("check the folder's permissions and the space on its disk"), "{text}");
    }
}

const HELD: &str = "ZEROBUS_SPOOL_HELD";

/// Runs in a process of its own, which the test below starts: holds a folder until it is killed.
#[test]
fn a_process_that_holds_a_folder() {
    let Some(folder) = std::env::var_os(HELD) else { return };
    let stream = away(Path::new(&folder)).open_blocking().unwrap();
    stream.send_spooled(&Row::new(7)).unwrap();
    println!("\nheld");
    loop {
        std::thread::park();
    }
}

#[tokio::test]
async fn another_process_is_kept_out_until_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "a_process_that_holds_a_folder"])
        .env(HELD, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let held = lines.map_while(Result::ok).any(|line| line == "held");
    assert!(held, "the other process did not open the folder");
    let text = away(folder.path()).open().await.unwrap_err().to_string();
    assert!(text.contains("is in use by another stream or process; give each stream a folder of its own"), "{text}");
    child.kill().unwrap();
    child.wait().unwrap();
    let server = Scripted::new(Call::serve).start().await;
    let stream = server.client().stream::<Row>().spool(folder.path()).open().await.unwrap();
    assert_eq!(stream.close().await.unwrap().rows, 1);
    assert_eq!(server.records.durable(), [7]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_retired_has_delivered_its_rows_first() {
    let server = Scripted::new(Call::serve).start().await;
    let folder = tempfile::tempdir().unwrap();
    let spooled = || server.client().stream::<Row>().spool(folder.path());
    let stream = spooled().open().await.unwrap();
    stream.send_all((0..10).map(Row::new)).await.unwrap();
    assert_eq!(stream.retire().await.unwrap().rows, 10);
    let stream = spooled();
    let blocking = tokio::task::spawn_blocking(|| {
        let stream = stream.open_blocking().unwrap();
        stream.send_all((10..15).map(Row::new)).unwrap();
        stream.retire().unwrap()
    });
    assert_eq!(blocking.await.unwrap().rows, 5);
    assert_eq!(server.records.durable(), (0..15).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_ended_has_left_its_folder() {
    let refusing = Scripted::new(|call: Call| async move { call.fail(Status::permission_denied("no")).await });
    let (refusing, silent) = (refusing.start().await, silent().await);
    let two = std::num::NonZeroUsize::new(2).unwrap();
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let spooled = |server: &Server| {
            let stream = server.client().stream::<Row>();
            stream.spool(folder.path()).spool_level(SpoolLevel::Power)
        };
        spooled(&refusing).open().await.unwrap_err();
        let stream = spooled(&refusing);
        tokio::task::spawn_blocking(|| stream.open_blocking().unwrap_err()).await.unwrap();
        let stream = spooled(&silent).open().await.unwrap();
        stream.send(&Row::new(0)).await.unwrap();
        stream.close_within(Duration::ZERO).await.unwrap_err();
        let stream = spooled(&silent);
        let blocking = tokio::task::spawn_blocking(|| {
            let stream = stream.open_blocking().unwrap();
            stream.send(&Row::new(1)).unwrap();
            stream.close_within(Duration::ZERO).unwrap_err()
        });
        blocking.await.unwrap();
        SpoolFolder::open(folder.path()).unwrap();

        let folder = tempfile::tempdir().unwrap();
        let lanes = |server: &Server| server.client().stream::<Row>().spool(folder.path()).lanes(two);
        lanes(&refusing).open().await.unwrap_err();
        let set = lanes(&refusing);
        tokio::task::spawn_blocking(|| set.open_blocking().unwrap_err()).await.unwrap();
        let set = lanes(&silent).open().await.unwrap();
        set.send(&0, &Row::new(0)).await.unwrap();
        set.close_within(Duration::ZERO).await.unwrap_err();
        let set = lanes(&silent);
        let blocking = tokio::task::spawn_blocking(|| {
            let lanes = set.open_blocking().unwrap();
            lanes.send(&1, &Row::new(1)).unwrap();
            lanes.close_within(Duration::ZERO).unwrap_err()
        });
        blocking.await.unwrap();
        lanes(&silent).open().await.unwrap();
    }
}

/// A lane that opens, and another that the server refuses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lanes_that_fail_to_open_leave_every_folder_and_keep_its_rows() {
    let three = std::num::NonZeroUsize::new(3).unwrap();
    for refused in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let lanes = |server: &Server| {
            // Without a limit, lanes that waited for their rows would never end.
            let stream = server.client().stream::<Row>().spool(folder.path()).delivery_timeout(None);
            stream.spool_level(SpoolLevel::Power).lanes(three)
        };
        let quiet = silent().await;
        let set = lanes(&quiet).open().await.unwrap();
        for n in 0..30 {
            set.send_spooled(&n, &Row::new(n)).await.unwrap();
        }
        set.close_within(Duration::ZERO).await.unwrap_err();
        for _ in 0..3 {
            let partly = Scripted::new(move |mut call: Call| async move {
                if call.n == refused {
                    return call.fail(Status::not_found("no such table")).await;
                }
                call.create().await;
                call.read_to_end().await;
            });
            let partly = partly.start().await;
            let set = lanes(&partly);
            let error = tokio::task::spawn_blocking(|| set.open_blocking().unwrap_err()).await.unwrap();
            assert!(error.to_string().contains("no such table"), "{error}");
        }
        let server = Scripted::new(Call::serve).start().await;
        lanes(&server).open().await.unwrap().close().await.unwrap();
        let mut rows = server.records.durable();
        rows.sort_unstable();
        rows.dedup();
        assert_eq!(rows, (0..30).collect::<Vec<_>>());
    }
}
