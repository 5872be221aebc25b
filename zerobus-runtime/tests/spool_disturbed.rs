//! Folders of a spool that are disturbed: taken away or closed under an open stream, mixed up, copied, cut into small
//! pieces.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scripted::gate::Gate;
use scripted::{Call, Row, Scripted, Server, client};

use zerobus_runtime::{ErrorKind, IngestStream, SpoolLevel, StreamBuilder, StreamEvent};

/// Longer than a disk that works takes for a row.
const PATIENCE: Duration = Duration::from_millis(400);

/// A stream that cuts its log into segments of a few rows.
fn spooled(server: &Server, folder: &Path) -> StreamBuilder<Row> {
    let stream = server.client().stream::<Row>().spool(folder).spool_level(SpoolLevel::Power);
    stream.spool_segment_bytes(4096).max_batch_rows(1).max_unacked_bytes(16 * 1024)
}

/// What a stream reported of its disk: each failure, and how often it recovered.
#[derive(Debug, Clone, Default)]
struct Reports(Arc<Mutex<(Vec<String>, usize)>>);

impl Reports {
    fn watch(&self, stream: StreamBuilder<Row>) -> StreamBuilder<Row> {
        let reports = Arc::clone(&self.0);
        stream.on_event(move |event| {
            let mut reports = reports.lock().unwrap();
            match event {
                StreamEvent::SpoolFailing { reason, .. } => reports.0.push(reason.to_string()),
                StreamEvent::SpoolRecovered => reports.1 += 1,
                _ => {}
            }
        })
    }

    fn failures(&self) -> Vec<String> {
        self.0.lock().unwrap().0.clone()
    }

    fn recoveries(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

/// Sends rows until one finds no room in time; the number of the next row.
async fn send_until_it_waits(stream: &IngestStream<Row>, from: u64) -> u64 {
    for n in from.. {
        if stream.send_timeout(&Row::padded(n, 500), PATIENCE).await.is_err() {
            return n;
        }
        assert!(n < from + 1000, "the stream takes rows without end");
    }
    from
}

/// Closes a folder in some way under an open stream, and opens it again: rows wait meanwhile, and none is lost.
async fn rows_wait_while_the_folder_is_closed(folder: &Path, close: impl Fn(), open: impl Fn(), said: &str) {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let reports = Reports::default();
    let stream = reports.watch(spooled(&server, folder)).open().await.unwrap();
    for n in 0..40 {
        stream.send_spooled(&Row::padded(n, 500)).await.unwrap();
    }
    close();
    let next = send_until_it_waits(&stream, 40).await;
    let failures = reports.failures();
    assert_eq!(failures.len(), 1, "one event for one outage: {failures:?}");
    assert!(failures[0].contains(&folder.display().to_string()) && failures[0].contains(said), "{failures:?}");
    assert_eq!(reports.recoveries(), 0);
    gate.open();
    open();
    for n in next..next + 40 {
        stream.send_spooled(&Row::padded(n, 500)).await.unwrap();
    }
    assert_eq!(reports.recoveries(), 1, "{:?}", reports.failures());
    let report = stream.close().await.unwrap();
    assert_eq!((report.rows, report.stats.rows_returned), (next + 40, 0));
    assert_eq!(server.records.durable(), (0..next + 40).collect::<Vec<_>>());
}

#[tokio::test]
async fn rows_wait_while_the_folder_is_moved_away() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, elsewhere) = (parent.path().join("spool"), parent.path().join("elsewhere"));
    let close = || fs::rename(&folder, &elsewhere).unwrap();
    let open = || fs::rename(&elsewhere, &folder).unwrap();
    rows_wait_while_the_folder_is_closed(&folder, close, open, "was deleted, moved or made anew").await;
}

const CONFINED: &str = "ZEROBUS_SPOOL_CONFINED";

/// Runs a test of this file in a process of its own that lacks some right; `None` where the system has not the tools.
#[cfg(target_os = "linux")]
fn confined(tool: &[&str], test: &str) -> Option<bool> {
    let mut command = Command::new(tool[0]);
    let mine = std::env::current_exe().unwrap();
    let able = Command::new(tool[0]).args(&tool[1..]).arg("true").output().is_ok_and(|output| output.status.success());
    command.args(&tool[1..]).arg(mine).args(["--exact", test, "--nocapture"]).env(CONFINED, "1");
    able.then(|| command.status().unwrap().success())
}

/// Whether this process has mounts of its own; otherwise the test runs in one that has.
#[cfg(target_os = "linux")]
fn may_mount(test: &str) -> bool {
    let may = std::env::var_os(CONFINED).is_some();
    if !may {
        assert_ne!(confined(&["unshare", "--mount", "--user", "--map-root-user"], test), Some(false));
    }
    may
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn rows_wait_while_the_folder_has_no_permission_to_write() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let set = |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
    set(0o500);
    let is_ignored = fs::write(folder.path().join("probe"), "").is_ok();
    set(0o700);
    if is_ignored && std::env::var_os(CONFINED).is_none() {
        // A superuser is asked for no permission unless it gives that right up.
        let tool = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];
        let name = "rows_wait_while_the_folder_has_no_permission_to_write";
        assert_ne!(confined(&tool, name), Some(false));
        return;
    }
    let _ = fs::remove_file(folder.path().join("probe"));
    rows_wait_while_the_folder_is_closed(folder.path(), || set(0o500), || set(0o700), "Permission denied").await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn rows_wait_while_the_file_system_is_read_only() {
    if !may_mount("rows_wait_while_the_file_system_is_read_only") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let run = |program: &str, args: &[&str]| {
        let status = Command::new(program).args(args).arg(folder.path()).status().unwrap();
        assert!(status.success(), "{program} {args:?}");
    };
    let close = || {
        // The files that are open keep their mount; what is opened by its path meets this one.
        run("mount", &["--bind", folder.path().to_str().unwrap()]);
        run("mount", &["-o", "remount,bind,ro"]);
    };
    rows_wait_while_the_folder_is_closed(folder.path(), close, || run("umount", &[]), "Read-only file system").await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_stream_opens_on_a_full_disk_and_sends_what_fills_it() {
    use zerobus_runtime::StampColumns;

    if !may_mount("a_stream_opens_on_a_full_disk_and_sends_what_fills_it") {
        return;
    }
    let disk = tempfile::tempdir().unwrap();
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(disk.path()).status();
    assert!(mount.unwrap().success());
    let folder = disk.path().join("spool");
    let open = |url: &str| {
        let stream = client(url).build().unwrap().json_stream("main.test.rows").stamp(StampColumns::default());
        stream.spool(&folder).max_batch_rows(1).open()
    };
    let stream = open("http://127.0.0.1:9").await.unwrap();
    for n in 0..50 {
        stream.send_spooled(&serde_json::json!({ "n": n })).await.unwrap();
    }
    assert!(folder.join("position").exists(), "it has its room before the rows have theirs");
    stream.close_within(Duration::ZERO).await.unwrap_err();
    let mut ballast = fs::File::create(disk.path().join("ballast")).unwrap();
    while std::io::Write::write_all(&mut ballast, &[0; 512]).is_ok() {}
    let (server, records) = scripted::recording().await;
    let stream = open(&server.url).await.unwrap();
    assert_eq!(stream.close().await.unwrap().rows, 50);
    assert_eq!(records.lock().unwrap().len(), 50);
    drop(ballast);
    assert!(Command::new("umount").arg(disk.path()).status().unwrap().success());
}

#[tokio::test]
async fn a_deleted_folder_holds_rows_back_and_every_row_is_delivered_or_returned() {
    for segment_bytes in [4096, 64 * 1024 * 1024] {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("spool");
        let gate = Gate::closed();
        let server = gate.server().start().await;
        let reports = Reports::default();
        let stream = spooled(&server, &folder).spool_segment_bytes(segment_bytes);
        let stream = reports.watch(stream).delivery_timeout(Duration::from_secs(2)).open().await.unwrap();
        for n in 0..40 {
            stream.send_spooled(&Row::padded(n, 500)).await.unwrap();
        }
        fs::remove_dir_all(&folder).unwrap();
        let next = send_until_it_waits(&stream, 40).await;
        assert!(!reports.failures().is_empty());
        gate.open();
        let error = stream.close_within(Duration::from_secs(1)).await.unwrap_err();
        let returned: BTreeSet<u64> =
            error.undelivered().map_or_else(BTreeSet::new, |rows| rows.rows().map(|row| row.offset.value()).collect());
        let durable: BTreeSet<u64> = server.records.durable().into_iter().collect();
        let stats = stream.stats();
        assert_eq!(stats.rows_durable, durable.len() as u64);
        for n in 40..next {
            assert!(durable.contains(&n) || returned.contains(&n), "row {n} is neither delivered nor returned");
        }
        assert!(!folder.exists(), "nobody asked for the folder again");
    }
}

#[tokio::test]
async fn rows_after_the_deletion_of_the_file_being_written_are_on_disk() {
    for level in [SpoolLevel::Process, SpoolLevel::Power] {
        let folder = tempfile::tempdir().unwrap();
        let away = client("http://127.0.0.1:9").build().unwrap().stream::<Row>();
        let stream = away.spool(folder.path()).spool_level(level).open().await.unwrap();
        stream.send_spooled(&Row::new(0)).await.unwrap();
        fs::remove_file(folder.path().join("00000000000000000000.seg")).unwrap();
        fs::remove_file(folder.path().join("position")).ok();
        for n in 1..100 {
            stream.send_spooled(&Row::new(n)).await.unwrap();
        }
        // As if it was killed: what the next process finds is what is on disk.
        let copy = copy_of(folder.path());
        let server = Scripted::new(Call::serve).start().await;
        let next = server.client().stream::<Row>().spool(copy.path()).open().await.unwrap();
        let _ = next.close().await;
        assert_eq!(server.records.durable(), (1..100).collect::<Vec<_>>(), "{level:?}");
        let _ = stream.close_within(Duration::ZERO).await;
    }
}

/// A copy of a folder with all that is in it.
fn copy_of(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

#[tokio::test]
async fn a_stream_does_not_write_into_a_folder_that_another_process_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let first = spooled(&server, folder.path()).open().await.unwrap();
    for n in 0..20 {
        first.send_spooled(&Row::padded(n, 500)).await.unwrap();
    }
    fs::remove_dir_all(folder.path()).unwrap();
    let away = client("http://127.0.0.1:9").build().unwrap().stream::<Row>();
    let second = away.spool(folder.path()).spool_level(SpoolLevel::Power).open().await.unwrap();
    second.send_spooled(&Row::new(1000)).await.unwrap();
    send_until_it_waits(&first, 20).await;
    let names: BTreeSet<_> = segments(folder.path()).into_iter().collect();
    assert_eq!(names.len(), 1, "{names:?}");
    let _ = first.close_within(Duration::ZERO).await;
    assert_eq!(segments(folder.path()).len(), 1);
    let _ = second.close_within(Duration::ZERO).await;
    let server = Scripted::new(Call::serve).start().await;
    server.client().stream::<Row>().spool(folder.path()).open().await.unwrap().close().await.unwrap();
    assert_eq!(server.records.durable(), [1000]);
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "seg")).collect()
}

#[tokio::test]
async fn lanes_whose_folders_are_mixed_up_are_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let open = async |folder: &Path| {
        let away = client("http://127.0.0.1:9").build().unwrap().stream::<Row>();
        away.spool(folder).lanes(3.try_into().unwrap()).open().await
    };
    let lanes = open(folder.path()).await.unwrap();
    for n in 0..30 {
        lanes.send_spooled(&n, &Row::new(n)).await.unwrap();
    }
    lanes.close_within(Duration::ZERO).await.unwrap_err();
    let lane = |lane: usize| folder.path().join(format!("lane-{lane}"));
    let swap = || {
        fs::rename(lane(0), folder.path().join("aside")).unwrap();
        fs::rename(lane(1), lane(0)).unwrap();
        fs::rename(folder.path().join("aside"), lane(1)).unwrap();
    };
    swap();
    let error = open(folder.path()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let text = error.to_string();
    assert!(text.contains("has the rows of lane 1 in the folder of lane 0; put each lane's folder back"), "{text}");
    swap();

    // The folders of other lanes belong to other keys.
    let other = tempfile::tempdir().unwrap();
    open(other.path()).await.unwrap().close().await.unwrap();
    fs::rename(other.path().join("lane-2"), folder.path().join("aside")).unwrap();
    fs::rename(lane(2), other.path().join("lane-2")).unwrap();
    let text = open(other.path()).await.unwrap_err().to_string();
    assert!(text.contains("has a folder of lane 2 that belongs to other lanes"), "{text}");
    fs::rename(other.path().join("lane-2"), lane(2)).unwrap();

    let server = Scripted::new(Call::serve).start().await;
    let lanes = server.client().stream::<Row>().spool(folder.path()).lanes(3.try_into().unwrap());
    lanes.open().await.unwrap().close().await.unwrap();
    assert_eq!(server.records.durable().into_iter().collect::<BTreeSet<_>>(), (0..30).collect());
}

#[tokio::test]
async fn a_folder_that_was_copied_from_another_machine_delivers_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let away = client("http://127.0.0.1:9").build().unwrap().stream::<Row>();
    let stream = away.spool(folder.path()).open().await.unwrap();
    for n in 0..50 {
        stream.send_spooled(&Row::new(n)).await.unwrap();
    }
    let copy = copy_of(folder.path());
    stream.send_spooled(&Row::new(50)).await.unwrap();
    stream.close_within(Duration::ZERO).await.unwrap_err();
    for (folder, rows) in [(copy.path(), 50), (folder.path(), 51)] {
        let server = Scripted::new(Call::serve).start().await;
        let stream = server.client().stream::<Row>().spool(folder).open().await.unwrap();
        assert_eq!(stream.close().await.unwrap().rows, rows);
        assert_eq!(server.records.durable(), (0..rows).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn thousands_of_segments_of_one_row_are_delivered_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let away = client("http://127.0.0.1:9").build().unwrap().stream::<Row>();
    let stream = away.spool(folder.path()).spool_segment_bytes(1).max_batch_rows(1).open().await.unwrap();
    stream.send_all((0..3000).map(Row::new).collect::<Vec<_>>()).await.unwrap();
    stream.close_within(Duration::ZERO).await.unwrap_err();
    assert_eq!(segments(folder.path()).len(), 3000);
    let server = Scripted::new(Call::serve).start().await;
    let stream = server.client().stream::<Row>().spool(folder.path()).spool_segment_bytes(1).open().await.unwrap();
    stream.send(&Row::new(3000)).await.unwrap();
    assert_eq!(stream.close().await.unwrap().rows, 3001);
    assert_eq!(server.records.durable(), (0..3001).collect::<Vec<_>>());
    assert_eq!(segments(folder.path()), Vec::<PathBuf>::new());
}
