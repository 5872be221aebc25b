//! Tokens that are rejected, end, or cannot be had for a while.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use prost::Message;
use scripted::{Answer, Call, Log, Row, Scripted, Server, TokenEndpoint};
use tonic::{Code, Status};
use tracing::Level;
use zerobus_runtime::{
    Client, ClientBuilder, ErrorKind, StreamBuilder, StreamEvent, TableName, Token, TokenFuture, TokenProvider,
};

/// Returns the tokens that a test has prepared, and errors after that.
#[derive(Debug, Clone, Default)]
struct Laid(Arc<Mutex<VecDeque<Option<Token>>>>);

impl Laid {
    fn tokens<'a>(tokens: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let token = |text: &str| Token::new(text, Duration::from_secs(3600));
        Self(Arc::new(Mutex::new(tokens.into_iter().map(|text| text.map(token)).collect())))
    }
}

impl TokenProvider for Laid {
    fn token(&self, _table: &TableName) -> TokenFuture<'_> {
        let token = self.0.lock().unwrap().pop_front().flatten();
        Box::pin(async { token.ok_or_else(|| "no token today".into()) })
    }
}

fn client(server: &Server, tokens: &Laid) -> Client {
    Client::builder().endpoint(&server.url).token_provider(tokens.clone()).build().unwrap()
}

fn hasty(client: &Client) -> StreamBuilder<Row> {
    client.stream::<Row>().backoff(Duration::from_millis(1), Duration::from_millis(2))
}

/// Refuses calls that come with one of these tokens, once their first request is there.
async fn rejecting(status: Status, rejected: &'static [&'static str]) -> Server {
    let server = Scripted::new(move |mut call: Call| {
        let status = status.clone();
        async move {
            let authorization = call.records.authorizations.lock().unwrap()[call.n].clone();
            if rejected.iter().any(|token| authorization == format!("Bearer {token}")) {
                call.create().await;
                call.batch().await;
                return call.fail(status).await;
            }
            call.serve().await;
        }
    });
    server.start().await
}

fn used(server: &Server) -> Vec<String> {
    server.records.authorizations.lock().unwrap().iter().map(|text| text.replace("Bearer ", "")).collect()
}

#[tokio::test]
async fn a_rejected_token_is_never_used_again_though_the_next_cannot_be_had_at_once() {
    for status in [Status::unauthenticated("expired"), Status::permission_denied("no grant")] {
        let server = rejecting(status, &["one"]).await;
        let tokens = Laid::tokens([Some("one"), None, None, Some("two")]);
        let stream = hasty(&client(&server, &tokens)).open().await.unwrap();
        stream.send(&Row::new(0)).await.unwrap();
        stream.close().await.unwrap();
        assert_eq!((used(&server), server.records.durable()), (vec!["one".to_owned(), "two".to_owned()], vec![0]));
    }
}

#[tokio::test]
async fn a_token_without_the_grant_is_forgotten_so_that_the_next_open_has_one_with_it() {
    let server = rejecting(Status::permission_denied("no grant"), &["one", "two"]).await;
    let tokens = Laid::tokens([Some("one"), Some("two"), Some("granted")]);
    let client = client(&server, &tokens);
    let stream = hasty(&client).open().await.unwrap();
    stream.send(&Row::new(0)).await.unwrap();
    assert_eq!(stream.close().await.unwrap_err().kind(), ErrorKind::Credentials);
    // The admin grants what is missing.
    let stream = hasty(&client).open().await.unwrap();
    stream.send(&Row::new(1)).await.unwrap();
    stream.close().await.unwrap();
    assert_eq!(used(&server), ["one", "two", "granted"]);
}

#[tokio::test]
async fn a_rejection_of_an_old_token_leaves_the_new_one() {
    // Two streams begin with one token; the second is rejected after the first has a new one.
    let server = rejecting(Status::unauthenticated("expired"), &["one"]).await;
    let tokens = Laid::tokens([Some("one"), Some("two")]);
    let client = client(&server, &tokens);
    let (first, second) = (hasty(&client).open().await.unwrap(), hasty(&client).open().await.unwrap());
    first.send(&Row::new(0)).await.unwrap();
    first.flush().await.unwrap();
    second.send(&Row::new(1)).await.unwrap();
    second.close().await.unwrap();
    first.close().await.unwrap();
    assert_eq!(used(&server), ["one", "one", "two", "two"]);
}

/// Lets time pass, while nothing is open.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_token_that_is_still_good_serves_while_renewing_fails_and_not_beyond_its_end() {
    let server = Scripted::new(Call::serve).start().await;
    let tokens = Laid::tokens([Some("one"), None, None, Some("two")]);
    let client = client(&server, &tokens);
    hasty(&client).open().await.unwrap().close().await.unwrap();
    // From five minutes before its end on it is to be renewed.
    pass(3400).await;
    hasty(&client).open().await.unwrap().close().await.unwrap();
    assert_eq!((used(&server), tokens.0.lock().unwrap().len()), (vec!["one".to_owned(), "one".to_owned()], 2));
    pass(300).await;
    hasty(&client).open().await.unwrap().close().await.unwrap();
    assert_eq!(used(&server), ["one", "one", "two"]);
}

fn with_endpoint(server: &Server, tokens: &TokenEndpoint) -> ClientBuilder {
    Client::builder().endpoint(&server.url).workspace_url(&tokens.url).credentials("the-client", "the-secret")
}

/// The first pause that a stream makes, and the reason.
async fn first_pause(client: ClientBuilder) -> (Duration, String) {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let stream = hasty(&client.build().unwrap()).on_event(move |event| {
        if let StreamEvent::Reconnecting { pause, reason, .. } = event {
            let _ = sender.send((*pause, reason.to_string()));
        }
    });
    let opening = tokio::spawn(async move {
        let stream = stream.open().await?;
        stream.send(&Row::new(0)).await?;
        stream.flush().await
    });
    let pause = receiver.recv().await.unwrap();
    opening.abort();
    pause
}

#[tokio::test]
async fn the_pause_that_a_token_endpoint_asks_for_is_made() {
    let server = Scripted::new(Call::serve).start().await;
    for status in [429, 503] {
        let busy = Answer { status, header: "retry-after: 7\r\n", body: "" };
        let tokens = TokenEndpoint::answering(vec![busy]).await;
        let (pause, reason) = first_pause(with_endpoint(&server, &tokens)).await;
        assert_eq!(pause, Duration::from_secs(7), "{reason}");
        assert!(reason.contains(&status.to_string()), "{reason}");
    }
}

/// `google.rpc.Status`.
#[derive(prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

/// `google.rpc.RetryInfo`.
#[derive(prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<prost_types::Duration>,
}

#[tokio::test]
async fn the_pause_that_the_service_asks_for_is_made() {
    let info = RetryInfo { retry_delay: Some(prost_types::Duration { seconds: 11, nanos: 500_000_000 }) };
    let type_url = "type.googleapis.com/google.rpc.RetryInfo".to_owned();
    let detail = prost_types::Any { type_url, value: info.encode_to_vec() };
    let details = RpcStatus { code: 14, message: "busy".to_owned(), details: vec![detail] }.encode_to_vec();
    let server = Scripted::new(move |mut call: Call| {
        let status = Status::with_details(Code::Unavailable, "busy", details.clone().into());
        async move {
            call.create().await;
            call.batch().await;
            call.fail(status).await;
        }
    });
    let server = server.start().await;
    let tokens = TokenEndpoint::granting().await;
    let (pause, reason) = first_pause(with_endpoint(&server, &tokens)).await;
    assert_eq!(pause, Duration::from_millis(11_500), "{reason}");
}

#[tokio::test]
async fn what_a_proxy_in_between_answers_is_not_final() {
    let server = Scripted::new(Call::serve).start().await;
    for status in [403, 408, 425, 429, 500, 502, 503, 504] {
        let answer = Answer { status, header: "", body: "<html>a proxy's page</html>" };
        let tokens = TokenEndpoint::answering(vec![answer, answer, Answer::GRANTED]).await;
        let client = with_endpoint(&server, &tokens).build().unwrap();
        hasty(&client).open().await.unwrap().close().await.unwrap();
        assert_eq!(tokens.asked().len(), 3, "after HTTP {status}");
    }
}

#[tokio::test]
async fn a_line_end_behind_id_or_secret_is_left_out_with_a_warning() {
    let log = Log::default();
    let _guard = log.listen(Level::WARN);
    let server = Scripted::new(Call::serve).start().await;
    let tokens = TokenEndpoint::granting().await;
    for (id, secret, warnings) in
        [("the-client", "the-secret", 0), ("the-client\n", "the-secret", 1), (" the-client", "\tthe-secret\r\n", 3)]
    {
        let client = with_endpoint(&server, &tokens).credentials(id, secret).build().unwrap();
        hasty(&client).open().await.unwrap().close().await.unwrap();
        let basic = BASE64_STANDARD.encode("the-client:the-secret");
        assert_eq!(tokens.asked().last().unwrap().authorization, Some(format!("Basic {basic}")));
        let text = log.text();
        assert_eq!(text.matches("removed whitespace").count(), warnings, "{text}");
        assert!(!text.contains("the-secret"), "{text}");
    }
    let text = log.text();
    assert!(text.contains("DATABRICKS_CLIENT_ID") && text.contains("DATABRICKS_CLIENT_SECRET"), "{text}");
}
