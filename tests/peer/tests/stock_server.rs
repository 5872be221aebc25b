//! Our client against a stock gRPC server, grpcio's. Our emulator and our client share an HTTP/2 stack, so a test of
//! one against the other would miss a common error.
//!
//! `ZEROBUS_WHEEL_NEWEST` names a Python interpreter whose environment has `grpcio` and `grpcio-tools`; without it
//! these tests do nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use zerobus_runtime::{Client, JsonStream, TableName, Token, TokenFuture, TokenProvider};

const ROWS: u64 = 500;

/// The report that the server prints at its end.
#[derive(Debug, Deserialize)]
struct Report {
    calls: Vec<Call>,
    kept: Vec<u64>,
    violations: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Call {
    requests: u64,
    half_closed: bool,
}

struct Server {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    url: String,
}

impl Server {
    /// Starts a server, if a Python interpreter is configured.
    async fn start(script: &str, options: &[&str]) -> Option<Self> {
        let Some(python) = std::env::var("ZEROBUS_WHEEL_NEWEST").ok().filter(|path| !path.is_empty()) else {
            eprintln!("left out: ZEROBUS_WHEEL_NEWEST is not set");
            return None;
        };
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut child = Command::new(python)
            .arg(here.join("clients/stock_server.py"))
            .arg(here.join("../../zerobus-runtime/proto/zerobus.proto"))
            .arg(script)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut ready = String::new();
        stdout.read_line(&mut ready).await.unwrap();
        let port = ready.trim().strip_prefix("ready ").expect("the server starts");
        let url = format!("http://127.0.0.1:{port}");
        Some(Self { child, stdin, stdout, url })
    }

    async fn finish(mut self) -> Report {
        drop(self.stdin);
        let mut text = String::new();
        self.stdout.read_to_string(&mut text).await.unwrap();
        self.child.wait().await.unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

#[derive(Debug)]
struct Fixed;

impl TokenProvider for Fixed {
    fn token(&self, _table: &TableName) -> TokenFuture<'_> {
        Box::pin(async { Ok(Token::new("token", Duration::from_secs(3600))) })
    }
}

async fn open(server: &Server) -> JsonStream {
    // Such a short keep-alive would be visible on the wire if it used HTTP/2 pings.
    let client = Client::builder().endpoint(&server.url).token_provider(Fixed).keep_alive(Duration::from_secs(1));
    let soon = Duration::from_millis(20);
    client.build().unwrap().json_stream("main.peer.flat").backoff(soon, soon).max_batch_rows(7).open().await.unwrap()
}

/// Sends every row, and returns what the server recorded.
async fn report(script: &str, options: &[&str]) -> Option<Report> {
    let server = Server::start(script, options).await?;
    let stream = open(&server).await;
    for id in 0..ROWS {
        // Several requests with some rows each are in flight at a time.
        stream.send(&json!({ "id": id, "text": "x".repeat(usize::try_from(id % 97).unwrap() * 40) })).await.unwrap();
        if id == ROWS / 2 {
            stream.flush().await.unwrap();
        }
    }
    stream.close().await.unwrap();
    let report = server.finish().await;
    assert!(report.violations.is_empty(), "{script}: {report:?}");
    let kept: BTreeSet<u64> = report.kept.iter().copied().collect();
    assert_eq!(kept, (0..ROWS).collect(), "{script}: every row is there");
    assert!(report.calls.last().unwrap().half_closed, "{script}: the last call ends in order");
    Some(report)
}

#[tokio::test]
async fn every_row_arrives_once_in_one_call_whatever_the_windows() {
    for options in [
        &[][..],
        &["grpc.http2.lookahead_bytes=1", "grpc.http2.bdp_probe=0"],
        &["grpc.http2.lookahead_bytes=16777216", "grpc.http2.max_frame_size=16777215"],
    ] {
        for script in ["serve", "slow"] {
            let Some(report) = report(script, options).await else { return };
            assert_eq!(report.calls.len(), 1, "{script} {options:?}");
            assert_eq!(report.kept.len() as u64, ROWS, "{script} {options:?}");
        }
    }
}

#[tokio::test]
async fn a_close_signal_ends_the_call_in_order_and_no_row_comes_twice() {
    let Some(report) = report("close-signal", &[]).await else { return };
    assert_eq!(report.calls.len(), 2);
    assert!(report.calls[0].half_closed);
    assert_eq!(report.kept.len() as u64, ROWS);
}

#[tokio::test]
async fn a_server_that_goes_away_or_is_gone_is_followed_by_the_next() {
    for script in ["goaway", "kill"] {
        let Some(report) = report(script, &[]).await else { return };
        assert!(report.calls[0].requests >= 2, "{script}");
    }
}

#[tokio::test]
async fn whatever_ends_a_call_every_row_arrives_on_the_next() {
    for script in ["cancelled", "unavailable", "internal", "deadline", "ended"] {
        let Some(report) = report(script, &[]).await else { return };
        assert_eq!(report.calls.len(), 2, "{script}");
        assert!(!report.calls[0].half_closed, "{script}");
    }
}

/// A gRPC server closes a connection with too many HTTP/2 pings without data; by default the third within five minutes.
#[tokio::test]
async fn an_idle_stream_keeps_its_connection() {
    let strict = ["grpc.http2.max_ping_strikes=1", "grpc.http2.min_ping_interval_without_data_ms=300000"];
    let Some(server) = Server::start("serve", &strict).await else { return };
    let stream = open(&server).await;
    let first = stream.send(&json!({ "id": 0 })).await.unwrap();
    stream.wait(first).await.unwrap();
    // Real time, because the configured keep-alive is a second.
    tokio::time::sleep(Duration::from_millis(3500)).await;
    let second = stream.send(&json!({ "id": 1 })).await.unwrap();
    stream.wait(second).await.unwrap();
    stream.close().await.unwrap();
    let report = server.finish().await;
    assert_eq!((report.calls.len(), report.kept), (1, vec![0, 1]));
}
