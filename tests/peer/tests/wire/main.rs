//! Compares what our client sends on the wire with what the official clients send.
//!
//! Every difference is listed in the section "On the wire" of the emulator's CONFORMANCE.md, with its reason. A
//! difference that is not listed fails, and so does one that is listed and not found.
//!
//! The wheels need Python: `ZEROBUS_WHEEL_NEWEST` and `ZEROBUS_WHEEL_1_0` name the interpreters of two environments
//! that have `databricks-zerobus-ingest-sdk` (the newest, and 1.0.0) and `grpcio-tools`. Without them the wheels are
//! left out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod compare;
mod list;
mod ours;
mod rows;
mod sdk;
mod wheel;

use std::collections::{BTreeMap, BTreeSet};

use zerobus_peer::recorder::{Recorder, Recording, Script};

use list::Peer;
use rows::{Case, Encoding, Shape};

/// The client id of token requests, in every recording.
const CLIENT_ID: &str = "wire-id";
const CLIENT_SECRET: &str = "wire-secret";

/// Every script once; the script without faults with every shape of row in both encodings.
fn cases() -> Vec<Case> {
    let shapes = [Shape::Flat, Shape::Nested, Shape::Every];
    let encodings = [Encoding::Proto, Encoding::Json];
    let served = shapes
        .into_iter()
        .flat_map(|shape| encodings.into_iter().map(move |encoding| Case { script: Script::Serve, shape, encoding }));
    let scripts =
        [Script::CloseSignal, Script::Unauthenticated, Script::PermissionDenied, Script::Reset, Script::Refused];
    let others = scripts.into_iter().map(|script| Case { script, shape: Shape::Nested, encoding: Encoding::Proto });
    served.chain(others).collect()
}

async fn recorded(case: Case, peer: Option<Peer>) -> Recording {
    let recorder = Recorder::start(case.script).await.unwrap();
    match peer {
        None => ours::run(recorder.url(), case).await,
        Some(Peer::Crate) => sdk::run(recorder.url(), case).await,
        Some(wheel) => wheel::run(wheel, recorder.url(), case).await,
    }
    recorder.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_difference_on_the_wire_is_listed_with_its_reason() {
    let peers: Vec<Peer> = Peer::ALL.into_iter().filter(|peer| wheel::is_there(*peer)).collect();
    let mut found: BTreeMap<(String, Peer), String> = BTreeMap::new();
    for case in cases() {
        let ours = recorded(case, None).await;
        for peer in &peers {
            let theirs = recorded(case, Some(*peer)).await;
            assert!(!theirs.calls.is_empty(), "{peer:?} made no call in {case:?}");
            for (name, detail) in compare::differences(case.script, &ours, &theirs) {
                found.entry((name, *peer)).or_insert(format!("{case:?}: {detail}"));
            }
        }
    }
    let listed = list::read();
    let unlisted: Vec<_> = found.iter().filter(|(key, _)| !listed.contains(*key)).collect();
    assert!(unlisted.is_empty(), "not listed in CONFORMANCE.md: {unlisted:#?}");
    let stale: BTreeSet<_> = listed.iter().filter(|key| peers.contains(&key.1) && !found.contains_key(*key)).collect();
    assert!(stale.is_empty(), "listed in CONFORMANCE.md and not found: {stale:#?}");
}

/// If a client dies, nothing waits for it, and what it sent is recorded.
#[tokio::test]
async fn a_recorder_outlives_its_client() {
    let recorder = Recorder::start(Script::Serve).await.unwrap();
    let url = recorder.url().to_owned();
    let address = url.strip_prefix("http://").unwrap().to_owned();
    for half in ["PRI * HTTP/2.0\r\n", "PRI", "P", "POST /oidc/v1/token HTTP/1.1\r\ncontent-length: 10\r\n\r\nabc"] {
        let socket = tokio::net::TcpStream::connect(&address).await.unwrap();
        socket.writable().await.unwrap();
        socket.try_write(half.as_bytes()).unwrap();
        drop(socket);
    }
    let case = Case { script: Script::Serve, shape: Shape::Flat, encoding: Encoding::Proto };
    ours::run(&url, case).await;
    let recording = recorder.finish();
    assert_eq!(recording.calls.len(), 1);
    assert_eq!(recording.calls[0].messages.len(), 4);
}
