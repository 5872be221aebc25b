//! Runs the official wheels, each with the interpreter of its own environment.

use std::env;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tokio::process::Command;
use zerobus_codegen::{Table, TableInfo, proto};

use crate::list::Peer;
use crate::rows::{Case, Encoding, Shape};
use crate::{CLIENT_ID, CLIENT_SECRET};

/// Whether the peer can run here; the crate always can.
pub(crate) fn is_there(peer: Peer) -> bool {
    let is_there = peer == Peer::Crate || interpreter(peer).is_some();
    if !is_there {
        eprintln!("{peer:?} is left out: {} is not set", variable(peer));
    }
    is_there
}

const fn variable(peer: Peer) -> &'static str {
    match peer {
        Peer::Wheel10 => "ZEROBUS_WHEEL_1_0",
        Peer::Crate | Peer::WheelNewest => "ZEROBUS_WHEEL_NEWEST",
    }
}

fn interpreter(peer: Peer) -> Option<String> {
    env::var(variable(peer)).ok().filter(|path| !path.is_empty())
}

/// Opens a stream, sends three rows one by one, flushes and closes. A refusal by the script ends the run.
pub(crate) async fn run(peer: Peer, url: &str, case: Case) {
    let folder = tempfile::tempdir().unwrap();
    let table = table(case.shape);
    let message = table.descriptor().name().to_owned();
    fs::write(folder.path().join("row.proto"), proto::file(&table)).unwrap();
    fs::write(folder.path().join("rows.json"), Value::Array(case.shape.json()).to_string()).unwrap();
    let encoding = match case.encoding {
        Encoding::Json => "json",
        Encoding::Proto => "proto",
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/wheel.py");
    let output = Command::new(interpreter(peer).unwrap())
        .arg(script)
        .args([url, CLIENT_ID, CLIENT_SECRET, case.shape.table(), encoding, &message])
        .current_dir(folder.path())
        .output()
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{peer:?}, {case:?}: {text}");
}

fn table(shape: Shape) -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/{}.json", shape.table()));
    let info: TableInfo = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    Table::try_from(&info).unwrap()
}
