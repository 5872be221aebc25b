//! Rows by REST against a scripted server, which records its requests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use zerobus_runtime::{Client, ErrorKind, TableName, Token, TokenFuture, TokenProvider};

/// A request as it came: its first line, its token, its rows.
#[derive(Debug, Clone)]
struct Asked {
    line: String,
    token: String,
    rows: Vec<Value>,
}

#[derive(Debug, Clone)]
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Answers with these, each the status, a header line and the body; then with success.
    async fn start(answers: &[(u16, &str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let answers = answers.iter().map(|(status, header, body)| {
            format!("HTTP/1.1 {status} x\r\n{header}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
        });
        let answers: Arc<Mutex<VecDeque<String>>> = Arc::new(Mutex::new(answers.collect()));
        let noted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let answer = answers.lock().unwrap().pop_front();
                serve(socket, answer, &noted).await;
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    fn client(&self) -> Client {
        Client::builder().endpoint(&self.url).token_provider(Counting::default()).build().unwrap()
    }
}

async fn serve(mut socket: TcpStream, answer: Option<String>, noted: &Mutex<Vec<Asked>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let header = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next().unwrap()
    };
    assert_eq!(header("content-type"), "application/json");
    let mut body = vec![0; header("content-length").parse().unwrap()];
    socket.read_exact(&mut body).await.unwrap();
    let line = head.lines().next().unwrap().to_owned();
    let rows = serde_json::from_slice(&body).unwrap();
    noted.lock().unwrap().push(Asked { line, token: header("authorization"), rows });
    let answer =
        answer.unwrap_or_else(|| "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}".to_owned());
    // An answer without a word is a connection that is lost.
    if !answer.starts_with("HTTP/1.1 999") {
        socket.write_all(answer.as_bytes()).await.unwrap();
        socket.shutdown().await.unwrap();
    }
}

/// Returns the tokens t0, t1, ...
#[derive(Debug, Default)]
struct Counting(std::sync::atomic::AtomicU64);

impl TokenProvider for Counting {
    fn token(&self, _: &TableName) -> TokenFuture<'_> {
        let number = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Box::pin(async move { Ok(Token::new(format!("t{number}"), Duration::from_secs(3600))) })
    }
}

const TABLE: &str = "main.shop.orders";

#[tokio::test]
async fn rows_go_as_one_array_to_the_table_of_the_path() {
    let server = Server::start(&[]).await;
    let rows = [json!({"id": 1}), json!({"id": 2, "name": "ü"})];
    assert_eq!(server.client().insert(TABLE, &rows).await.unwrap(), 2);
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].line, "POST /zerobus/v1/tables/main.shop.orders/insert HTTP/1.1");
    assert_eq!((&*asked[0].token, &asked[0].rows[..]), ("Bearer t0", &rows[..]));
    assert_eq!(server.client().insert(TABLE, Vec::<Value>::new()).await.unwrap(), 0);
    assert_eq!(server.asked().len(), 1, "no rows, no request");
}

#[tokio::test]
async fn rows_are_cut_into_requests_below_the_limit_and_stay_in_order() {
    let server = Server::start(&[]).await;
    let text = "x".repeat(3_000_000);
    let rows: Vec<Value> = (0..8).map(|id| json!({"id": id, "text": text})).collect();
    assert_eq!(server.client().insert(TABLE, &rows).await.unwrap(), 8);
    let asked = server.asked();
    assert_eq!(asked.iter().map(|asked| asked.rows.len()).collect::<Vec<_>>(), [3, 3, 2]);
    let all: Vec<&Value> = asked.iter().flat_map(|asked| &asked.rows).collect();
    assert!(all.iter().zip(0..).all(|(row, id)| row["id"] == id));
    // A row that fits alone goes alone; one byte more is refused before anything is sent.
    let fits = json!({"t": "x".repeat(10_420_224 - 2 - r#"{"t":""}"#.len())});
    assert_eq!(server.client().insert(TABLE, [&fits]).await.unwrap(), 1);
    let error = server
        .client()
        .insert(TABLE, [json!({"t": "x".repeat(10_420_224 - 2 - r#"{"t":""}"#.len() + 1)})])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
    assert_eq!(server.asked().len(), 4);
}

#[tokio::test]
async fn a_busy_service_is_asked_again_after_the_pause_that_it_names() {
    let body = r#"{"error_code":"RESOURCE_EXHAUSTED","message":"slow down"}"#;
    let server = Server::start(&[(429, "retry-after: 1\r\n", body), (503, "", ""), (999, "", "")]).await;
    let started = Instant::now();
    assert_eq!(server.client().insert(TABLE, [json!({"id": 1})]).await.unwrap(), 1);
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(server.asked().len(), 4);
    let always = Server::start(&[(429, "retry-after: 0\r\n", body); 9]).await;
    let error = always.client().insert(TABLE, [json!({"id": 1})]).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Transport, true));
    let text = "the service refused rows for main.shop.orders: HTTP 429, RESOURCE_EXHAUSTED, slow down; insert fewer requests a second, or open a stream";
    assert_eq!(error.to_string(), text);
    assert_eq!(always.asked().len(), 6);
}

#[tokio::test]
async fn a_rejected_token_is_renewed_once() {
    let server = Server::start(&[(401, "", "")]).await;
    assert_eq!(server.client().insert(TABLE, [json!({"id": 1})]).await.unwrap(), 1);
    let tokens: Vec<String> = server.asked().into_iter().map(|asked| asked.token).collect();
    assert_eq!(tokens, ["Bearer t0", "Bearer t1"]);
    let server = Server::start(&[(401, "", ""), (401, "", ""), (401, "", "")]).await;
    let error = server.client().insert(TABLE, [json!({"id": 1})]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials);
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_refusal_has_its_kind_and_the_rows_before_it() {
    for (status, kind) in [
        (400, ErrorKind::Rejected),
        (403, ErrorKind::Credentials),
        (404, ErrorKind::Schema),
        (501, ErrorKind::Configuration),
    ] {
        let server = Server::start(&[(status, "", "<html>")]).await;
        let error = server.client().insert(TABLE, [json!({"id": 1})]).await.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (kind, false), "{error}");
        assert!(error.remedy().is_some() && error.to_string().contains(&format!("HTTP {status}")), "{error}");
        assert_eq!(server.asked().len(), 1);
    }
    let server =
        Server::start(&[(200, "", "{}"), (400, "", r#"{"error_code":"INVALID_PARAMETER_VALUE","message":"no"}"#)])
            .await;
    let text = "x".repeat(6_000_000);
    let rows: Vec<Value> = (0..2).map(|id| json!({"id": id, "text": text})).collect();
    let error = server.client().insert(TABLE, &rows).await.unwrap_err();
    let expected = "the first 1 rows for main.shop.orders are durable, and those behind them are not: the service refused rows for \
                    main.shop.orders: HTTP 400, INVALID_PARAMETER_VALUE, no; compare the rows with the table's schema";
    assert_eq!((error.to_string().as_str(), error.kind()), (expected, ErrorKind::Rejected));
    for row in [json!([1]), json!("text"), Value::Null] {
        let error = server.client().insert(TABLE, [row]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
    }
    assert_eq!(server.asked().len(), 2, "what is no object is not sent");
}

#[tokio::test]
async fn rows_whose_answer_was_lost_may_be_durable() {
    let refused = (400, "", r#"{"error_code":"INVALID_PARAMETER_VALUE","message":"no"}"#);
    let cause = "the service refused rows for main.shop.orders: HTTP 400, INVALID_PARAMETER_VALUE, no; compare the rows with the \
                 table's schema";
    let text = "x".repeat(3_000_000);
    let rows: Vec<Value> = (0..8).map(|id| json!({"id": id, "text": text})).collect();
    let (stored, lost, no_service) = ((200, "", "{}"), (999, "", ""), (502, "", "<html>"));
    for (answers, expected) in [
        (
            vec![stored, lost, refused],
            "the first 3 rows for main.shop.orders are durable, the next 3 may be, and those behind them are not",
        ),
        (
            vec![no_service, refused],
            "the first 3 rows for main.shop.orders may be durable, and those behind them are not",
        ),
        (
            vec![lost, stored, refused],
            "the first 3 rows for main.shop.orders are durable, and those behind them are not",
        ),
    ] {
        let server = Server::start(&answers).await;
        let error = server.client().insert(TABLE, &rows).await.unwrap_err();
        assert_eq!((error.to_string(), error.kind()), (format!("{expected}: {cause}"), ErrorKind::Rejected));
    }
    let server = Server::start(&[(503, "", r#"{"error_code":"UNAVAILABLE","message":"later"}"#), refused]).await;
    let error = server.client().insert(TABLE, &rows).await.unwrap_err();
    assert_eq!(error.to_string(), cause, "the service itself did not take them");
}

#[tokio::test]
async fn a_request_that_never_left_made_no_row_durable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = Server { url: format!("http://{}", listener.local_addr().unwrap()), asked: Arc::default() };
    drop(listener);
    let error = nobody.client().insert(TABLE, [json!({"id": 1})]).await.unwrap_err();
    let expected = format!("rows for {TABLE} could not be inserted at ");
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[test]
fn a_program_without_async_inserts_as_well() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(Server::start(&[]));
    assert_eq!(server.client().insert_blocking(TABLE, [json!({"id": 1})]).unwrap(), 1);
    assert_eq!(server.asked().len(), 1);
}
