//! The table's token: how it is asked for, kept, exchanged, and what is said when it is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use scripted::{Call, Row, Scripted, Server, TokenEndpoint};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic::Status;
use zerobus_runtime::{Client, ClientBuilder, ErrorKind, Secret};

fn builder(server: &Server, tokens: &TokenEndpoint) -> ClientBuilder {
    Client::builder()
        .endpoint(&server.url)
        .workspace_url(&tokens.url)
        .workspace_id("1234")
        .credentials("the-client", "the-secret")
}

#[tokio::test]
async fn the_token_is_asked_for_with_the_secret_and_for_the_table_alone() {
    let (server, tokens) = (Scripted::new(Call::serve).start().await, TokenEndpoint::granting().await);
    let client = builder(&server, &tokens).build().unwrap();
    client.stream::<Row>().open().await.unwrap().close().await.unwrap();
    let asked = &tokens.asked()[0];
    assert_eq!(asked.path, "/oidc/v1/token");
    let basic = BASE64_STANDARD.encode("the-client:the-secret");
    assert_eq!(asked.authorization.as_deref(), Some(format!("Basic {basic}").as_str()));
    assert_eq!(asked.form["grant_type"], "client_credentials");
    assert_eq!(asked.form["scope"], "all-apis");
    assert_eq!(asked.form["resource"], "api://databricks/workspaces/1234/zerobusDirectWriteApi");
    let details: serde_json::Value = serde_json::from_str(&asked.form["authorization_details"]).unwrap();
    assert_eq!(details[2]["object_full_path"], "main.test.rows");
    assert_eq!(server.records.authorizations.lock().unwrap()[0], "Bearer granted");
}

#[tokio::test]
async fn a_token_is_kept_by_table_and_asked_for_once_at_a_time() {
    let (server, tokens) = (Scripted::new(Call::serve).start().await, TokenEndpoint::granting().await);
    let client = builder(&server, &tokens).build().unwrap();
    let (one, two) = tokio::join!(client.stream::<Row>().open(), client.clone().stream::<Row>().open());
    one.unwrap().close().await.unwrap();
    two.unwrap().close().await.unwrap();
    assert_eq!(tokens.asked().len(), 1);
    client.json_stream("main.test.others").open().await.unwrap().close().await.unwrap();
    assert_eq!(tokens.asked().len(), 2);
}

#[tokio::test]
async fn a_token_that_is_about_to_end_is_renewed() {
    let server = Scripted::new(Call::serve).start().await;
    let tokens = TokenEndpoint::start(200, r#"{"access_token":"short","expires_in":0}"#).await;
    let client = builder(&server, &tokens).build().unwrap();
    client.stream::<Row>().open().await.unwrap().close().await.unwrap();
    client.stream::<Row>().open().await.unwrap().close().await.unwrap();
    assert_eq!(tokens.asked().len(), 2);
}

#[tokio::test]
async fn a_rejected_token_is_asked_for_anew_once() {
    let server = Scripted::new(|call: Call| async move {
        if call.n == 0 {
            return call.fail(Status::unauthenticated("expired")).await;
        }
        call.serve().await;
    });
    let (server, tokens) = (server.start().await, TokenEndpoint::granting().await);
    let client = builder(&server, &tokens).build().unwrap();
    client.stream::<Row>().open().await.unwrap().close().await.unwrap();
    assert_eq!(tokens.asked().len(), 2);
}

#[tokio::test]
async fn a_token_of_another_provider_is_exchanged() {
    let (server, tokens) = (Scripted::new(Call::serve).start().await, TokenEndpoint::granting().await);
    let client = Client::builder()
        .endpoint(&server.url)
        .workspace_url(&tokens.url)
        .federation(|| Ok::<_, std::io::Error>(Secret::from("a.jwt.token")))
        .build()
        .unwrap();
    client.stream::<Row>().open().await.unwrap().close().await.unwrap();
    let asked = &tokens.asked()[0];
    assert_eq!(asked.authorization, None);
    assert_eq!(asked.form["grant_type"], "urn:ietf:params:oauth:grant-type:token-exchange");
    assert_eq!(asked.form["subject_token"], "a.jwt.token");
    assert_eq!(asked.form["subject_token_type"], "urn:ietf:params:oauth:token-type:jwt");
    assert!(asked.form["authorization_details"].contains("main.test.rows"));
}

#[tokio::test]
async fn a_refusal_names_the_endpoint_and_what_to_do() {
    let server = Scripted::new(Call::serve).start().await;
    for (status, body, hint) in [
        (401, r#"{"error":"invalid_client","error_description":"nobody"}"#, "DATABRICKS_CLIENT_SECRET"),
        (400, r#"{"error":"invalid_authorization_details","error_description":"no"}"#, "the table is missing"),
        (404, "<html>", "DATABRICKS_WORKSPACE_URL"),
    ] {
        let tokens = TokenEndpoint::start(status, body).await;
        let error = builder(&server, &tokens).build().unwrap().stream::<Row>().open().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Credentials);
        let text = error.to_string();
        assert!(text.contains(&tokens.url) && text.contains("main.test.rows") && text.contains(hint), "{text}");
        assert!(!text.contains("the-secret") && !format!("{error:?}").contains("the-secret"));
        assert_eq!(tokens.asked().len(), 1, "what is refused is not asked for again");
    }
}

#[tokio::test]
async fn a_token_endpoint_that_is_not_there_is_named() {
    let server = Scripted::new(Call::serve).start().await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let tokens = TokenEndpoint { url: format!("http://{gone}"), asked: Arc::default() };
    let stream = builder(&server, &tokens).build().unwrap().stream::<Row>();
    let error = stream.backoff(Duration::from_millis(1), Duration::from_millis(2)).open().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert!(error.remedy().unwrap().contains("DATABRICKS_WORKSPACE_URL"));
}

/// A proxy that connects to wherever it is asked to, if the user is the right one; what it was asked for.
async fn proxy(asked: Arc<Mutex<Vec<String>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let asked = Arc::clone(&asked);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let target = head.split(' ').nth(1).unwrap().to_owned();
                asked.lock().unwrap().push(target.clone());
                if !head.contains(&BASE64_STANDARD.encode("user:password")) {
                    client.write_all(b"HTTP/1.1 407 Who\r\n\r\n").await.unwrap();
                    return;
                }
                let mut server = TcpStream::connect(target).await.unwrap();
                client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    address.to_string()
}

#[tokio::test]
async fn rows_go_by_way_of_a_proxy() {
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let address = proxy(Arc::clone(&asked)).await;
    let server = Scripted::new(Call::serve).start().await;
    let client = scripted::client(&server.url).proxy(format!("http://user:password@{address}")).build().unwrap();
    let stream = client.stream::<Row>().open().await.unwrap();
    stream.send_all((0..10).map(Row::new)).await.unwrap();
    stream.close().await.unwrap();
    assert_eq!(server.records.durable().len(), 10);
    assert_eq!(*asked.lock().unwrap(), [server.url.trim_start_matches("http://")]);

    let client = scripted::client(&server.url).proxy(format!("http://{address}")).build().unwrap();
    let stream = client.stream::<Row>().backoff(Duration::from_millis(1), Duration::from_millis(2));
    let error = stream.open().await.unwrap_err();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    assert!(text.contains("407"), "{text}");
}
