//! Every fault strikes where it is configured to, and affects rows as the service's failures do.

use std::time::{Duration, Instant};

use crate::support::{Call, ask_token, http, tables, token};
use serde_json::{Value, json};
use tonic::{Code, Status};
use zerobus_emulator::{Emulator, Fault};
use zerobus_runtime::wire::RecordType;
use zerobus_runtime::wire::ephemeral_stream_response::Payload as Answer;

const ORDERS: &str = "main.sales.orders";

fn order(id: i64) -> Value {
    json!({ "order_id": id, "placed_at": 1, "lines": [], "currency": "EUR" })
}

async fn emulator(fault: Fault) -> Emulator {
    Emulator::builder().schemas(tables()).fault(fault).seed(7).start().await.unwrap()
}

/// The answers to three requests, until the stream ends.
async fn answers(emulator: &Emulator) -> (Vec<Answer>, Result<(), Status>) {
    let mut call = Call::json(emulator, ORDERS).await;
    let mut answers = Vec::new();
    for offset in 0..3 {
        call.send_json(offset, &order(offset)).await;
        match call.next().await {
            Ok(Some(answer)) => answers.push(answer),
            Ok(None) => return (answers, Ok(())),
            Err(status) => return (answers, Err(status)),
        }
    }
    call.half_close();
    loop {
        match call.next().await {
            Ok(Some(answer)) => answers.push(answer),
            Ok(None) => return (answers, Ok(())),
            Err(status) => return (answers, Err(status)),
        }
    }
}

async fn acks(emulator: &Emulator) -> Vec<Option<i64>> {
    let (answers, end) = answers(emulator).await;
    end.unwrap();
    let offset = |answer| match answer {
        Answer::IngestRecordResponse(ack) => ack.durability_ack_up_to_offset,
        other => panic!("not an ack: {other:?}"),
    };
    answers.into_iter().map(offset).collect()
}

async fn rows(emulator: &Emulator) -> usize {
    emulator.rows(ORDERS).await.unwrap().len()
}

#[tokio::test]
async fn acks_are_repeated_fall_back_run_ahead_or_lack_their_offset() {
    let emulator = emulator(Fault::ack_repeat().times(1)).await;
    assert_eq!(acks(&emulator).await, [Some(0), Some(0), Some(1), Some(2)]);
    emulator.inject(Fault::ack_back().after(1).times(1));
    assert_eq!(acks(&emulator).await, [Some(0), Some(1), Some(0), Some(2)]);
    emulator.inject(Fault::ack_beyond(100).times(1));
    assert_eq!(acks(&emulator).await, [Some(100), Some(1), Some(2)]);
    emulator.inject(Fault::ack_empty().after(2).times(1));
    assert_eq!(acks(&emulator).await, [Some(0), Some(1), None]);
}

#[tokio::test]
async fn an_ack_that_is_dropped_is_covered_by_the_next() {
    let emulator = emulator(Fault::ack_drop().times(1)).await;
    let mut call = Call::json(&emulator, ORDERS).await;
    call.send_json(0, &order(0)).await;
    call.send_json(1, &order(1)).await;
    assert_eq!(call.finish().await.unwrap(), Some(1));
    assert_eq!(rows(&emulator).await, 2);
}

#[tokio::test]
async fn acks_and_requests_are_delayed() {
    let emulator = emulator(Fault::ack_delay(Duration::from_millis(60)).times(1)).await;
    let begin = Instant::now();
    assert_eq!(acks(&emulator).await.last(), Some(&Some(2)));
    assert!(begin.elapsed() >= Duration::from_millis(60));
    emulator.inject(Fault::latency(Duration::from_millis(20)).times(3));
    let begin = Instant::now();
    assert_eq!(acks(&emulator).await.last(), Some(&Some(2)));
    assert!(begin.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn a_connection_is_cut_after_a_number_of_requests_and_a_number_of_times() {
    let emulator = emulator(Fault::reset().after(2).times(1)).await;
    let (answers, end) = answers(&emulator).await;
    assert!(answers.len() <= 2);
    assert!(matches!(end.unwrap_err().code(), Code::Unknown | Code::Unavailable | Code::Internal));
    assert_eq!(acks(&emulator).await, [Some(0), Some(1), Some(2)]);
    assert_eq!(rows(&emulator).await, 5, "what had been handled before the cut is stored");
    let struck = emulator.struck_faults();
    assert_eq!(struck.len(), 1);
    assert!(struck[0].starts_with("seed 7: reset after=2 times=1: stream "), "{struck:?}");
}

#[tokio::test]
async fn a_stream_ends_with_any_status_and_code_or_with_ok() {
    let emulator = emulator(Fault::status(Code::ResourceExhausted, 6006).after(1).times(1)).await;
    let (received, end) = answers(&emulator).await;
    assert_eq!(received.len(), 1, "what was handled before is acked");
    let status = end.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().ends_with("Error Code: 6006, Error State: 0."), "{}", status.message());
    emulator.inject(Fault::end().after(2));
    let (received, end) = answers(&emulator).await;
    assert_eq!((received.len(), end.is_ok()), (2, true));
}

#[tokio::test]
async fn a_signal_comes_when_asked_for_and_the_stream_goes_on_until_it_is_heeded() {
    let emulator = emulator(Fault::close_signal(Duration::from_secs(9)).after(1)).await;
    let mut call = Call::json(&emulator, ORDERS).await;
    call.send_json(0, &order(0)).await;
    loop {
        if let Answer::CloseStreamSignal(signal) = call.next().await.unwrap().unwrap() {
            assert_eq!(signal.duration.unwrap().seconds, 9);
            break;
        }
    }
    call.send_json(1, &order(1)).await;
    assert_eq!(call.finish().await.unwrap(), Some(1));
}

#[tokio::test]
async fn a_full_disk_stores_nothing_more() {
    let emulator = emulator(Fault::disk_full().after(1)).await;
    let (_, end) = answers(&emulator).await;
    let status = end.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(status.message().contains("no space left on device"));
    assert_eq!(rows(&emulator).await, 1);
}

#[tokio::test]
async fn calls_and_tokens_are_refused() {
    let emulator = emulator(Fault::token_rejected().times(1)).await;
    emulator.inject(Fault::open_status(Code::Unavailable, 6006).after(0).times(1));
    let good = token(&emulator, Some(ORDERS)).await;
    let status = Call::start(emulator.url(), &good, ORDERS).await.err().unwrap();
    assert_eq!(status.code(), Code::Unauthenticated);
    let status = Call::start(emulator.url(), &good, ORDERS).await.err().unwrap();
    assert_eq!(status.code(), Code::Unavailable);
    Call::start(emulator.url(), &good, ORDERS).await.unwrap();
    emulator.inject(Fault::token_status(503).times(1));
    assert_eq!(ask_token(&emulator, Vec::new()).await.0, 503);
    assert_eq!(ask_token(&emulator, Vec::new()).await.0, 400);
}

#[tokio::test]
async fn a_fault_of_calls_or_tokens_counts_calls_or_token_requests() {
    let emulator = emulator(Fault::open_status(Code::Unavailable, 6006).after(2).times(1)).await;
    let good = token(&emulator, Some(ORDERS)).await;
    let mut codes = Vec::new();
    for _ in 0..4 {
        codes.push(Call::start(emulator.url(), &good, ORDERS).await.err().map(|status| status.code()));
    }
    assert_eq!(codes, [None, None, Some(Code::Unavailable), None]);
    emulator.inject("token-status=503 after=1 times=2".parse().unwrap());
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(ask_token(&emulator, Vec::new()).await.0);
    }
    assert_eq!(statuses, [400, 503, 503, 400]);
}

#[tokio::test]
async fn a_script_says_which_acks_come_and_when() {
    let pause = Duration::from_millis(80);
    let emulator = emulator(Fault::ack_script([(-1, Duration::ZERO), (1, pause)]).times(1)).await;
    let mut call = Call::json(&emulator, ORDERS).await;
    let begin = Instant::now();
    for offset in 0..3 {
        call.send_json(offset, &order(offset)).await;
    }
    for expected in [-1, 1, 2] {
        let Ok(Some(Answer::IngestRecordResponse(ack))) = call.next().await else { panic!("not an ack") };
        assert_eq!(ack.durability_ack_up_to_offset, Some(expected));
        assert_eq!(begin.elapsed() >= pause, expected > 0);
    }
    assert_eq!(acks(&emulator).await, [Some(0), Some(1), Some(2)], "a script is of one stream");
    emulator.inject("ack-script=0".parse().unwrap());
    emulator.inject("ack-drop after=1".parse().unwrap());
    let mut call = Call::json(&emulator, ORDERS).await;
    call.send_json(0, &order(0)).await;
    call.send_json(1, &order(1)).await;
    assert_eq!(call.finish().await.unwrap(), Some(0), "a server that falls silent");
}

#[tokio::test]
async fn a_fault_of_one_table_leaves_the_others_alone() {
    let emulator = emulator(Fault::open_status(Code::Internal, 1).table("main.types.every_type")).await;
    assert_eq!(acks(&emulator).await.len(), 3);
    let status = Call::open(&emulator, "main.types.every_type", RecordType::Json, None).await.err().unwrap();
    assert_eq!(status.code(), Code::Internal);
    emulator.clear_faults();
    Call::json(&emulator, "main.types.every_type").await;
}

#[tokio::test]
async fn one_seed_gives_the_same_faults_every_time() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let emulator = emulator(Fault::ack_repeat().chance(0.5)).await;
        runs.push((acks(&emulator).await, acks(&emulator).await));
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].0.len() > 3 || runs[0].1.len() > 3);
}

/// What a request that changes the emulator has to carry.
const CONTROL: &str = "x-zerobus-emulator";

#[tokio::test]
async fn faults_are_armed_listed_and_disarmed_while_the_emulator_runs() {
    let emulator = emulator(Fault::reset().after(1000)).await;
    let url = format!("{}/emulator/faults", emulator.url());
    let post = url.clone();
    let (status, body) = http(move |agent| {
        agent.post(&post).header(CONTROL, "1").send("ack-repeat times=1\nstatus=UNAVAILABLE/6006 after=3\n")
    })
    .await;
    assert_eq!((status, &body["seed"]), (200, &json!(7)));
    assert_eq!(body["armed"], json!(["reset after=1000", "ack-repeat times=1", "status=UNAVAILABLE/6006 after=3"]));
    let (_, end) = answers(&emulator).await;
    assert_eq!(end.unwrap_err().code(), Code::Unavailable);
    let delete = url.clone();
    let (_, body) = http(move |agent| agent.delete(&delete).header(CONTROL, "1").call()).await;
    assert_eq!((&body["armed"], body["struck"].as_array().unwrap().len()), (&json!([]), 2));
    let (status, body) = http(move |agent| agent.post(&url).header(CONTROL, "1").send("explode")).await;
    assert_eq!((status, &body["error_code"]), (400, &json!("INVALID_PARAMETER_VALUE")));
}

#[tokio::test]
async fn the_opening_of_a_stream_is_delayed() {
    let emulator = emulator(Fault::open_delay(Duration::from_millis(150)).times(1)).await;
    let begin = std::time::Instant::now();
    Call::json(&emulator, "main.sales.orders").await;
    assert!(begin.elapsed() >= Duration::from_millis(150));
    assert_eq!("open-delay=150ms".parse(), Ok(Fault::open_delay(Duration::from_millis(150))));
}
