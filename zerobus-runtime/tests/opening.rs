//! What is said when a stream opens, when it does not, and of what happens to it later.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scripted::{Call, Log, Row, Scripted, client};
use tokio::net::TcpListener;
use tonic::Status;
use tracing::Level;
use zerobus_runtime::{Client, ClientBuilder, Error, ErrorKind, StreamEvent};

async fn failing(client: ClientBuilder) -> Error {
    let stream = client.no_proxy().build().unwrap().stream::<Row>().open_timeout(Duration::from_millis(500));
    let stream = stream.backoff(Duration::from_millis(1), Duration::from_millis(2)).max_first_attempts(2);
    stream.open().await.unwrap_err()
}

/// A port that takes connections and never says a word.
async fn mute() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// A port at which nothing listens.
async fn free_port() -> u16 {
    mute().await.0.local_addr().unwrap().port()
}

#[tokio::test]
async fn an_open_that_fails_names_endpoint_attempts_and_root_cause_each_in_a_sentence_of_its_own() {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let identity = tonic::transport::Identity::from_pem(certified.cert.pem(), certified.signing_key.serialize_pem());
    let tls = Scripted::new(Call::serve).start_tls(identity).await.url;
    let plain = Scripted::new(Call::serve).start().await.url;
    let (_mute, silent) = mute().await;
    let mut sentences = BTreeSet::new();
    for (endpoint, sentence) in [
        ("https://zerobus.invalid".to_owned(), "its name does not resolve"),
        (format!("http://127.0.0.1:{}", free_port().await), "nothing listens there (connection refused)"),
        (tls.clone(), "its certificate is not trusted"),
        (plain.replace("http://", "https://"), "it does not speak TLS"),
        (tls.replace("https://", "http://"), "it does not speak HTTP/2, or closed the connection before that began"),
        (format!("http://{silent}"), "was not opened within 0.5 seconds"),
    ] {
        let error = failing(client(&endpoint)).await;
        let text = error.to_string();
        assert!(text.contains(sentence), "{endpoint}: {text}");
        assert!(text.contains(&endpoint) && text.contains("2 attempts"), "{text}");
        assert!(text.contains("main.test.rows") && error.remedy().is_some(), "{text}");
        sentences.insert(sentence);
    }
    assert_eq!(sentences.len(), 6);
}

#[tokio::test]
async fn main_that_returns_the_error_shows_what_it_says_and_every_source() {
    let port = free_port().await;
    let error = failing(client(&format!("http://127.0.0.1:{port}"))).await;
    let (display, debug) = (error.to_string(), format!("{error:?}"));
    assert!(debug.starts_with(&display), "{debug}");
    assert!(display.contains(error.remedy().unwrap()), "{display}");
    let mut source = std::error::Error::source(&error);
    assert!(source.is_some(), "{debug}");
    while let Some(inner) = source {
        assert!(debug.contains(&format!("\n  caused by: {inner}")), "{debug}");
        source = inner.source();
    }
}

fn configured(endpoint: &str) -> Error {
    let client = Client::builder().endpoint(endpoint).workspace_url("https://example.com").credentials("id", "secret");
    client.build().unwrap_err()
}

#[test]
fn every_wrong_address_and_credential_has_a_sentence_of_its_own() {
    let good = "https://1.zerobus.example.com";
    let errors = [
        (configured("http://1.zerobus.example.com"), "unencrypted"),
        (configured("https://1.zerobus.example.com/api"), "a path or a query"),
        (configured("https://1.zerobus.example.com?o=1"), "a path or a query"),
        (configured("ftp://1.zerobus.example.com"), "neither http nor https"),
        (configured("https://user:word@example.com"), "holds a user or password"),
        (configured("https://"), "is not an address"),
        (configured(" "), "ZEROBUS_SERVER_ENDPOINT"),
        (
            Client::builder().endpoint(good).credentials("id", "secret").build().unwrap_err(),
            "DATABRICKS_WORKSPACE_URL, the address of the workspace, is not set",
        ),
        (
            Client::builder().endpoint(good).workspace_url(good).credentials("id", "dapi0123").build().unwrap_err(),
            "no personal access token",
        ),
        (Client::builder().endpoint(good).workspace_url(good).build().unwrap_err(), "DATABRICKS_CLIENT_ID"),
    ];
    for (error, sentence) in errors {
        assert_eq!(error.kind(), ErrorKind::Configuration);
        let text = format!("{error:?}");
        assert!(text.contains(sentence), "{sentence}: {text}");
        assert!(error.remedy().is_some(), "{text}");
        assert!(!text.contains("dapi0123"), "{text}");
    }
}

/// The variable that tells the test below that it is the child.
const CHILD: &str = "ZEROBUS_TEST_OF_THE_ENVIRONMENT";

#[test]
fn an_environment_with_only_a_personal_access_token_is_an_error_that_says_what_zerobus_takes() {
    if std::env::var(CHILD).is_ok() {
        println!("{:?}", Client::from_env().unwrap_err());
        return;
    }
    let own_name = "an_environment_with_only_a_personal_access_token_is_an_error_that_says_what_zerobus_takes";
    let child = Command::new(std::env::current_exe().unwrap())
        .args([own_name, "--exact", "--nocapture"])
        .env_clear()
        .envs([
            (CHILD, "1"),
            ("DATABRICKS_TOKEN", "dapi0123"),
            ("DATABRICKS_HOST", "https://example.com"),
            ("ZEROBUS_SERVER_ENDPOINT", "https://1.zerobus.example.com"),
        ])
        .output()
        .unwrap();
    let text = String::from_utf8(child.stdout).unwrap();
    assert!(child.status.success() && text.contains("takes no personal access token"), "{text}");
    assert!(text.contains("create a service principal") && !text.contains("dapi0123"), "{text}");
}

#[test]
fn a_proxy_that_cannot_be_used_is_an_error_and_never_bypassed() {
    for proxy in ["https://user:password@proxy.example.com:8080", "socks5://user:password@proxy.example.com", "::"] {
        let error = client("https://1.zerobus.example.com").proxy(proxy).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{proxy}");
        let text = format!("{error:?}");
        assert!(text.contains("proxy") && text.contains("http://host:port") && !text.contains("password"), "{text}");
    }
}

#[tokio::test]
async fn the_attempts_of_the_first_open_are_settable() {
    let server = Scripted::new(|call: Call| async move { call.fail(Status::unavailable("not yet")).await });
    let server = server.start().await;
    for (attempts, expected) in [(1, "(1 attempt)"), (3, "(3 attempts)"), (7, "(7 attempts)")] {
        let before = server.records.calls();
        let stream = server.client().stream::<Row>().max_first_attempts(attempts);
        let error = stream.backoff(Duration::from_millis(1), Duration::from_millis(2)).open().await.unwrap_err();
        assert_eq!(server.records.calls() - before, attempts as usize);
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn the_servers_id_of_the_stream_is_in_span_events_and_figures() {
    let log = Log::default();
    let _guard = log.listen(Level::INFO);
    let events = Arc::<Mutex<Vec<String>>>::default();
    let hook = Arc::clone(&events);
    let server = Scripted::new(|mut call: Call| async move {
        if call.n > 0 {
            return call.serve().await;
        }
        call.create().await;
        call.batch().await;
        call.fail(Status::unavailable("going down")).await;
    });
    let server = server.start().await;
    let stream = server.client().stream::<Row>().backoff(Duration::from_millis(1), Duration::from_millis(2));
    let stream = stream.on_event(move |event| {
        if let StreamEvent::Opened { stream_id, .. } = event {
            hook.lock().unwrap().push(stream_id.to_string());
        }
    });
    let stream = stream.open().await.unwrap();
    assert_eq!(stream.stats().stream_id.as_deref(), Some("stream-0"));
    stream.send(&Row::new(0)).await.unwrap();
    let report = stream.close().await.unwrap();
    assert_eq!(report.stats.stream_id.as_deref(), Some("stream-1"));
    assert_eq!(*events.lock().unwrap(), ["stream-0", "stream-1"]);
    let text = log.text();
    let lost = text.lines().find(|line| line.contains("connection lost")).unwrap();
    assert!(lost.contains("zerobus.stream{") && lost.contains("stream_id=\"stream-0\""), "{lost}");
    let closed = text.lines().find(|line| line.contains("stream closed")).unwrap();
    assert!(closed.contains("stream_id=\"stream-1\"") && closed.contains("main.test.rows"), "{closed}");
}

/// The events of a stream whose server ends every call so, until its close.
async fn events_of(status: Option<Status>) -> Vec<StreamEvent> {
    let events = Arc::<Mutex<Vec<StreamEvent>>>::default();
    let hook = Arc::clone(&events);
    let server = Scripted::new(move |mut call: Call| {
        let status = status.clone();
        async move {
            call.create().await;
            if let Some(status) = status {
                call.batch().await;
                return call.fail(status).await;
            }
            call.serve_created().await;
        }
    });
    let server = server.start().await;
    let stream = server.client().stream::<Row>().on_event(move |event| hook.lock().unwrap().push(event.clone()));
    let stream = stream.backoff(Duration::from_millis(1), Duration::from_millis(2)).max_attempts(3);
    let stream = stream.open().await.unwrap();
    stream.send_all([Row::new(0), Row::new(1)]).await.unwrap();
    // The events report what becomes of the rows.
    let _ = stream.close().await;
    std::mem::take(&mut *events.lock().unwrap())
}

#[tokio::test]
async fn closed_is_reported_if_every_row_is_settled_and_failed_if_not() {
    let events = events_of(None).await;
    assert!(matches!(events.last(), Some(StreamEvent::Closed { durable: 2, returned: 0, .. })), "{events:?}");
    for status in [Status::unavailable("going down"), Status::permission_denied("no")] {
        let events = events_of(Some(status)).await;
        assert!(matches!(events.last(), Some(StreamEvent::Failed { .. })), "{events:?}");
        assert!(!events.iter().any(|event| matches!(event, StreamEvent::Closed { .. })), "{events:?}");
    }
}

#[tokio::test]
async fn a_panicking_hook_is_reported_and_ends_nothing() {
    let log = Log::default();
    let _guard = log.listen(Level::INFO);
    let server = Scripted::new(Call::serve).start().await;
    let stream = server.client().stream::<Row>().on_event(|_| panic!("the hook's own fault"));
    let stream = stream.on_ack(|_| panic!("the hook's own fault")).open().await.unwrap();
    for n in 0..10 {
        stream.send(&Row::new(n)).await.unwrap();
        stream.flush().await.unwrap();
    }
    assert_eq!(stream.close().await.unwrap().rows, 10);
    assert_eq!(server.records.calls.load(Ordering::SeqCst), 1);
    let text = log.text();
    assert_eq!(text.matches("a hook of the stream panicked").count(), 2, "once for each hook: {text}");
    assert!(!text.contains("shut down"), "{text}");
}
