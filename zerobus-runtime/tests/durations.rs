//! Times at their ends: the longest is no limit, the shortest is refused by name, and neither panics.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::time::Duration;

use scripted::{Answer, Call, Row, Scripted, Server, TokenEndpoint, client};
use tonic::Status;
use zerobus_runtime::wire::CloseStreamSignal;
use zerobus_runtime::wire::ephemeral_stream_response::Payload;
use zerobus_runtime::{Client, ErrorKind, StreamBuilder, TableName, Token, TokenFuture, TokenProvider};

type Setting = fn(StreamBuilder<Row>, Duration) -> StreamBuilder<Row>;

/// Every option of a stream that is a time.
const TIMES: [(&str, Setting); 6] = [
    ("ack_timeout", |stream, time| stream.ack_timeout(time)),
    ("open_timeout", |stream, time| stream.open_timeout(time)),
    ("delivery_timeout", |stream, time| stream.delivery_timeout(time)),
    ("rejected_within", StreamBuilder::rejected_within),
    ("backoff", |stream, time| stream.backoff(time, time)),
    ("linger", StreamBuilder::linger),
];

async fn delivers(stream: StreamBuilder<Row>) {
    let stream = stream.open().await.unwrap();
    stream.send(&Row::new(0)).await.unwrap();
    stream.flush().await.unwrap();
    stream.send_timeout(&Row::new(1), Duration::MAX).await.unwrap();
    stream.close_within(Duration::MAX).await.unwrap();
}

#[tokio::test]
async fn the_longest_time_is_no_limit_for_every_option() {
    let server = Scripted::new(Call::serve).start().await;
    for (_, set) in TIMES {
        delivers(set(server.client().stream::<Row>(), Duration::MAX)).await;
    }
    let all = TIMES.iter().fold(server.client().stream::<Row>(), |stream, (_, set)| set(stream, Duration::MAX));
    delivers(all).await;
    let client = client(&server.url).connect_timeout(Duration::MAX).keep_alive(Duration::MAX).build().unwrap();
    delivers(client.stream::<Row>()).await;
}

#[tokio::test]
async fn none_is_no_limit_for_every_option_that_has_one() {
    let server = Scripted::new(Call::serve).start().await;
    let client = client(&server.url).connect_timeout(None).keep_alive(None).max_unacked_bytes(None).build().unwrap();
    let stream = client.stream::<Row>().ack_timeout(None).open_timeout(None).delivery_timeout(None);
    let stream = stream.max_attempts(None).max_first_attempts(None);
    delivers(stream.max_rows_per_second(None).max_bytes_per_second(None)).await;
}

#[tokio::test]
async fn the_longest_pause_between_attempts_does_not_end_the_stream() {
    let server = Scripted::new(|mut call: Call| async move {
        call.create().await;
        call.batch().await;
        call.fail(Status::unavailable("going down")).await;
    });
    let server = server.start().await;
    let stream = server.client().stream::<Row>().backoff(Duration::MAX, Duration::MAX).delivery_timeout(None);
    let stream = stream.open().await.unwrap();
    stream.send(&Row::new(0)).await.unwrap();
    let error = stream.close_within(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!((error.kind(), error.into_undelivered().unwrap().len()), (ErrorKind::Timeout, 1));
}

#[tokio::test]
async fn a_time_of_zero_is_refused_with_the_options_name() {
    let server = Scripted::new(Call::serve).start().await;
    for (name, set) in TIMES.into_iter().filter(|(name, _)| *name != "linger") {
        let error = set(server.client().stream::<Row>(), Duration::ZERO).open().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{name}");
        assert!(error.to_string().contains(name), "{name}: {error}");
    }
    assert_eq!(server.records.calls(), 0);
    for (name, error) in [
        ("keep_alive", client(&server.url).keep_alive(Duration::ZERO).build().unwrap_err()),
        ("keep_alive", client(&server.url).keep_alive(Duration::from_millis(999)).build().unwrap_err()),
        ("connect_timeout", client(&server.url).connect_timeout(Duration::ZERO).build().unwrap_err()),
    ] {
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(name), "{error}");
    }
    delivers(server.client().stream::<Row>().linger(Duration::ZERO)).await;
}

#[tokio::test]
async fn a_call_with_no_time_at_all_ends_at_once() {
    let server = Scripted::new(|mut call: Call| async move {
        call.create().await;
        while call.batch().await.is_some() {}
    });
    let server = server.start().await;
    let stream = server.client().stream::<Row>().max_unacked_bytes(100).open().await.unwrap();
    while stream.try_send(&Row::padded(0, 40)).is_ok() {}
    let late = stream.send_timeout(&Row::padded(0, 40), Duration::ZERO).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Timeout);
    let error = stream.close_within(Duration::ZERO).await.unwrap_err();
    assert_eq!((error.kind(), error.into_undelivered().unwrap().len()), (ErrorKind::Timeout, 2));
}

/// Returns tokens of one lifetime.
#[derive(Debug)]
struct Lasting(Duration);

impl TokenProvider for Lasting {
    fn token(&self, _table: &TableName) -> TokenFuture<'_> {
        Box::pin(async { Ok(Token::new("lasting", self.0)) })
    }
}

#[tokio::test]
async fn a_token_may_live_for_ever_or_not_at_all() {
    let server = Scripted::new(Call::serve).start().await;
    for lifetime in [Duration::MAX, Duration::from_secs(u64::MAX), Duration::ZERO] {
        let client = Client::builder().endpoint(&server.url).token_provider(Lasting(lifetime)).build().unwrap();
        delivers(client.stream::<Row>()).await;
    }
}

fn with_endpoint(server: &Server, tokens: &TokenEndpoint) -> StreamBuilder<Row> {
    let client = Client::builder().endpoint(&server.url).workspace_url(&tokens.url).credentials("id", "secret");
    client.build().unwrap().stream::<Row>()
}

#[tokio::test]
async fn a_token_endpoint_may_name_any_number_of_seconds() {
    let server = Scripted::new(Call::serve).start().await;
    for body in [
        r#"{"access_token":"t","expires_in":18446744073709551615}"#,
        r#"{"access_token":"t","expires_in":"18446744073709551615"}"#,
        r#"{"access_token":"t","expires_in":"99999999999999999999999"}"#,
    ] {
        let tokens = TokenEndpoint::start(200, body).await;
        delivers(with_endpoint(&server, &tokens)).await;
    }
}

#[tokio::test]
async fn a_server_that_names_endless_times_is_waited_for_within_reason() {
    let endless = prost_types::Duration { seconds: i64::MAX, nanos: i32::MAX };
    let backwards = prost_types::Duration { seconds: i64::MIN, nanos: -1 };
    for duration in [endless, backwards] {
        let server = Scripted::new(move |mut call: Call| async move {
            if call.n > 0 {
                return call.serve().await;
            }
            call.create().await;
            let first = call.batch().await.unwrap();
            call.keep(&first);
            call.say(Payload::CloseStreamSignal(CloseStreamSignal { duration: Some(duration) })).await;
            call.ack(first.offset).await;
            call.read_to_end().await;
        });
        let server = server.start().await;
        let stream = server.client().stream::<Row>().open().await.unwrap();
        stream.send(&Row::new(0)).await.unwrap();
        stream.flush().await.unwrap();
        stream.send(&Row::new(1)).await.unwrap();
        stream.close().await.unwrap();
        assert_eq!(server.records.durable(), [0, 1]);
    }
    let retry_after = Answer { status: 503, header: "retry-after: 18446744073709551615\r\n", body: "" };
    let server = Scripted::new(Call::serve).start().await;
    let tokens = TokenEndpoint::answering(vec![retry_after]).await;
    let opening = tokio::time::timeout(Duration::from_millis(100), with_endpoint(&server, &tokens).open()).await;
    assert!(opening.is_err(), "it waits as it was asked to, and asks no second time");
    assert_eq!(tokens.asked().len(), 1);
}

#[tokio::test]
async fn a_count_of_zero_is_refused_with_the_name_of_its_option() {
    type Zero = fn(StreamBuilder<Row>) -> StreamBuilder<Row>;
    const COUNTS: [(&str, Zero); 5] = [
        ("max_unacked_bytes", |stream| stream.max_unacked_bytes(0)),
        ("max_batch_rows", |stream| stream.max_batch_rows(0)),
        ("max_batch_bytes", |stream| stream.max_batch_bytes(0)),
        ("max_row_bytes", |stream| stream.max_row_bytes(0)),
        ("max_attempts", |stream| stream.max_attempts(0)),
    ];
    let server = Scripted::new(Call::serve).start().await;
    for (option, set) in COUNTS {
        let error = set(server.client().stream::<Row>()).open().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{option}: {error}");
        assert!(error.to_string().contains(option), "{option}: {error}");
    }
}
