//! The program: what it prints, how it stops, what survives when it is killed.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::support::persistent::{self, Persistent};
use crate::support::program::{Running, program, start, start_with, with_tables};
use crate::support::{Call, tables};
use serde_json::{Value, json};
use zerobus_emulator::Emulator;
use zerobus_runtime::wire::RecordType;
use zerobus_runtime::wire::ephemeral_stream_response::Payload as Answer;

const ORDERS: &str = "main.sales.orders";

fn order(id: i64) -> Value {
    json!({ "order_id": id, "placed_at": 1, "lines": [], "currency": "EUR" })
}

async fn ids(data: &Path) -> Vec<i64> {
    let emulator = Emulator::builder().schemas(tables()).data(data).start().await.unwrap();
    let rows = emulator.rows(ORDERS).await.unwrap();
    emulator.shutdown().await;
    rows.iter().map(|row| row["order_id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn sigterm_ends_it_well_with_everything_stored() {
    let data = tempfile::tempdir().unwrap();
    let (running, credentials) = start(data.path());
    let mut call = Call::open(&credentials, ORDERS, RecordType::Json, None).await.unwrap();
    for offset in 0..10 {
        call.send_json(offset, &order(offset)).await;
    }
    assert_eq!(call.finish().await.unwrap(), Some(9));
    let ended = tokio::task::spawn_blocking(move || running.terminate()).await.unwrap();
    assert!(ended);
    assert_eq!(ids(data.path()).await, (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_kill_at_any_moment_loses_no_acked_row() {
    let data = tempfile::tempdir().unwrap();
    let mut next = 0;
    for acks in [1, 2, 5, 9] {
        let (running, credentials) = start(data.path());
        let mut call = Call::open(&credentials, ORDERS, RecordType::Json, None).await.unwrap();
        let first = next;
        let mut acked = None;
        let mut seen = 0;
        for offset in 0..200 {
            call.send_json(offset, &order(next)).await;
            next += 1;
            // Only some acks are awaited, so that rows are on their way in every state when the kill comes.
            if offset % 7 == 0 {
                if let Answer::IngestRecordResponse(ack) = call.next().await.unwrap().unwrap() {
                    acked = ack.durability_ack_up_to_offset;
                    seen += 1;
                }
                if seen == acks {
                    break;
                }
            }
        }
        running.kill();
        let stored = ids(data.path()).await;
        let last = first + acked.unwrap();
        assert!((first..=last).all(|id| stored.contains(&id)), "acked up to {last}, stored {stored:?}");
    }
}

/// The client keeps no state but the stream's id: after each kill it goes on behind what the emulator says is
/// committed.
#[tokio::test]
async fn a_persistent_stream_has_every_row_exactly_once_whenever_the_emulator_is_killed() {
    const KILLS: usize = 12;
    const IN_FLIGHT: i64 = 50;
    let data = tempfile::tempdir().unwrap();
    let (mut running, mut credentials) = start(data.path());
    let (mut call, id) = Persistent::create(&credentials, ORDERS).await.unwrap();
    let mut random = fastrand::Rng::with_seed(15);
    let (mut next, mut known) = (0, -1);
    for _ in 0..KILLS {
        let until = known + random.i64(1..300);
        while known < until {
            while next <= known + IN_FLIGHT {
                call.send_json(next, &order(next)).await;
                next += 1;
            }
            match call.next().await.unwrap().unwrap() {
                persistent::Answer::IngestRecordResponse(ack) => known = ack.durability_ack_up_to_offset(),
                other => panic!("not an ack: {other:?}"),
            }
        }
        running.kill();
        (running, credentials) = start(data.path());
        let (resumed, committed) = Persistent::resume(&credentials, ORDERS, &id).await.unwrap();
        let committed = committed.unwrap_or(-1);
        assert!((known..next).contains(&committed), "acked up to {known}, committed {committed}, sent {next}");
        (call, known, next) = (resumed, committed, committed + 1);
    }
    call.finish().await.unwrap();
    assert!(running.terminate());
    assert_eq!(ids(data.path()).await, (0..next).collect::<Vec<_>>());
}

#[test]
fn an_environment_file_is_there_while_the_emulator_runs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zerobus.env");
    let (running, credentials) = start_with(folder.path(), &["--env-file", file.to_str().unwrap()]);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(&format!("ZEROBUS_SERVER_ENDPOINT={}\n", credentials.url)), "{text}");
    assert!(text.contains(&format!("DATABRICKS_CLIENT_SECRET={}\n", credentials.client_secret)), "{text}");
    assert!(running.terminate());
    assert!(!file.exists());
}

#[test]
fn a_detached_emulator_goes_on_and_is_ended_by_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let script = format!(
        "eval \"$({} --schemas {} --port 0 --detach --log {})\" && curl -sf $DATABRICKS_HOST/emulator/health && kill $ZEROBUS_EMULATOR_PID",
        env!("CARGO_BIN_EXE_zerobus-emulator"),
        tables().display(),
        log.display()
    );
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("\"ready\""), "{output:?}");
    let failed = Command::new(env!("CARGO_BIN_EXE_zerobus-emulator"))
        .args(["--schemas", "/no/such/folder", "--detach"])
        .env("TMPDIR", folder.path())
        .output()
        .unwrap();
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&failed.stderr).contains("/no/such/folder"), "{failed:?}");
    // The log of the one that did start.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn the_only_table_is_named() {
    let table = tables().join("main.sales.orders.json");
    let output = Command::new(env!("CARGO_BIN_EXE_zerobus-emulator"))
        .args(["exec", "--schemas", table.to_str().unwrap(), "--", "sh", "-c", "echo $ZEROBUS_TABLE_NAME"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "main.sales.orders\n");
}

fn exec(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zerobus-emulator"));
    command.arg("exec");
    with_tables(command).arg("--").args(arguments).stdout(Stdio::piped()).output().unwrap()
}

#[test]
fn exec_sets_the_environment_and_passes_the_exit_code_on() {
    let output = exec(&["sh", "-c", "echo $ZEROBUS_SERVER_ENDPOINT $DATABRICKS_CLIENT_ID; exit 7"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("http://127.0.0.1:") && text.ends_with(" zerobus-emulator\n"), "{text}");
    assert_eq!(output.status.code(), Some(7));
    assert!(exec(&["true"]).status.success());
    assert_eq!(exec(&["sh", "-c", "kill -KILL $$"]).status.code(), Some(128 + 9));
    assert_eq!(exec(&["/no/such/program"]).status.code(), Some(1));
}

/// The suite's answers are checked where it is; here, that the program has it, and how it ends.
#[test]
fn conformance_probes_an_endpoint_and_says_by_its_exit_code_what_came_of_it() {
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zerobus-emulator"));
        for name in ["ZEROBUS_SERVER_ENDPOINT", "DATABRICKS_WORKSPACE_URL", "DATABRICKS_HOST", "DATABRICKS_CLIENT_ID"] {
            command.env_remove(name);
        }
        command.arg("conformance").args(arguments).output().unwrap()
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let own = run(&["--emulator", "--json"]);
    assert_eq!(own.status.code(), Some(0), "{}", text(&own.stdout));
    let report: serde_json::Value = serde_json::from_slice(&own.stdout).unwrap();
    assert!(report["findings"].as_array().unwrap().iter().all(|finding| finding["same"] == true));
    let missing = run(&[]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).contains("ZEROBUS_SERVER_ENDPOINT is not set"));
    let ddl = run(&["--ddl", "--schema", "dev.probes"]);
    assert!(text(&ddl.stdout).contains("GRANT SELECT, MODIFY ON TABLE dev.probes.zerobus_conformance TO"));
    let injected = run(&["--ddl", "--schema", "dev.probes; DROP TABLE x"]);
    assert_eq!(injected.status.code(), Some(2), "{}", text(&injected.stdout));
}

/// A command under `exec` that tells when it has its handlers, and which signals reach it.
#[cfg(unix)]
mod signals {
    use std::io::{Read as _, Write as _};

    use super::*;

    struct Exec {
        child: Child,
        lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    }

    impl Exec {
        fn start(script: &str) -> Self {
            let mut command = Command::new(env!("CARGO_BIN_EXE_zerobus-emulator"));
            command.arg("exec").arg("--schemas").arg(tables()).args(["--", "sh", "-c", script]);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            assert_eq!(lines.next().unwrap().unwrap(), "ready");
            Self { child, lines }
        }

        fn signal(&self, name: &str) {
            let pid = self.child.id().to_string();
            assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
        }

        fn next(&mut self) -> String {
            self.lines.next().unwrap().unwrap()
        }

        fn code(mut self) -> Option<i32> {
            self.child.wait().unwrap().code()
        }
    }

    impl Drop for Exec {
        fn drop(&mut self) {
            let _ = self.child.kill();
        }
    }

    #[test]
    fn a_signal_reaches_the_command_and_its_end_is_waited_for() {
        for (name, signal) in [("-TERM", "TERM"), ("-INT", "INT"), ("-HUP", "HUP")] {
            let script = format!("trap 'echo got {signal}; exit 3' {signal}; echo ready; while :; do sleep 0.05; done");
            let mut exec = Exec::start(&script);
            exec.signal(name);
            assert_eq!(exec.next(), format!("got {signal}"));
            assert_eq!(exec.code(), Some(3));
        }
    }

    #[test]
    fn a_second_signal_hurries_a_command_that_goes_on() {
        let mut exec = Exec::start("trap 'echo got' TERM; echo ready; while :; do sleep 0.05; done");
        exec.signal("-TERM");
        assert_eq!(exec.next(), "got");
        exec.signal("-TERM");
        assert_eq!(exec.code(), Some(128 + 9));
    }

    #[tokio::test]
    async fn an_idle_stream_does_not_hold_the_end_up() {
        let data = tempfile::tempdir().unwrap();
        let (running, credentials) = start(data.path());
        let mut call = Call::open(&credentials, ORDERS, RecordType::Json, None).await.unwrap();
        call.send_json(0, &order(1)).await;
        call.acked(0).await;
        let begin = std::time::Instant::now();
        let ended = tokio::task::spawn_blocking(move || running.terminate()).await.unwrap();
        assert!(ended);
        // The grace of a stream with work to do is five seconds.
        assert!(begin.elapsed() < std::time::Duration::from_secs(4), "{:?}", begin.elapsed());
        drop(call);
    }

    #[test]
    fn values_are_quoted_for_the_shell() {
        let secret = "it's $HOME; `x`";
        let mut command = program();
        command.args(["--port", "0", "--client-secret", secret]).stdout(Stdio::piped());
        let mut child = Running(command.spawn().unwrap());
        let mut text = String::new();
        let mut out = BufReader::new(child.0.stdout.take().unwrap());
        while !text.contains("# ready") {
            out.read_line(&mut text).unwrap();
        }
        let mut shell = Command::new("sh").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = shell.stdin.take().unwrap();
        writeln!(input, "{text}\nprintf %s \"$DATABRICKS_CLIENT_SECRET\"").unwrap();
        drop(input);
        let mut printed = String::new();
        shell.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        shell.wait().unwrap();
        assert_eq!(printed, secret);
    }
}

#[test]
fn bad_arguments_are_errors() {
    let output = |arguments: &[&str]| program().args(arguments).stderr(Stdio::piped()).output().unwrap();
    let stderr = |output: &Output| String::from_utf8(output.stderr.clone()).unwrap();
    let fault = output(&["--fault", "explode"]);
    assert!(stderr(&fault).contains("`explode` is not a fault"), "{}", stderr(&fault));
    let missing = output(&["--schemas", "/no/such/folder"]);
    assert!(stderr(&missing).contains("/no/such/folder cannot be read"), "{}", stderr(&missing));
    assert_eq!(missing.status.code(), Some(1));
}
