//! Who may call the emulator, and for how long a connection may do nothing.

use std::net::SocketAddr;
use std::time::Duration;

use crate::support::{Call, http, tables};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Code;
use zerobus_emulator::{Emulator, Limits};

async fn emulator() -> Emulator {
    Emulator::builder().schemas(tables()).start().await.unwrap()
}

fn address(emulator: &Emulator) -> SocketAddr {
    emulator.url().split_once("://").unwrap().1.parse().unwrap()
}

/// The status of a request that is written by hand.
async fn raw(emulator: &Emulator, head: &str) -> u16 {
    let mut socket = TcpStream::connect(address(emulator)).await.unwrap();
    socket.write_all(format!("{head}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    let text = String::from_utf8_lossy(&answer).into_owned();
    text.split(' ').nth(1).unwrap_or_else(|| panic!("no status in `{text}`")).parse().unwrap()
}

mod pages {
    use super::*;

    #[tokio::test]
    async fn only_names_of_this_machine_are_served() {
        let emulator = emulator().await;
        for path in ["/", "/emulator/status", "/api/2.1/unity-catalog/catalogs", "/oidc/v1/token", "/no/such/path"] {
            for host in ["evil.example", "evil.example:80", "10.0.0.1", "127.0.0.1.evil.example", "x@evil.example"] {
                assert_eq!(raw(&emulator, &format!("GET {path} HTTP/1.1\r\nHost: {host}")).await, 421, "{path} {host}");
            }
        }
        for host in ["127.0.0.1", "localhost:8471", "[::1]:8471", "1234.localhost"] {
            assert_eq!(raw(&emulator, &format!("GET / HTTP/1.1\r\nHost: {host}")).await, 200, "{host}");
        }
        assert_eq!(raw(&emulator, "GET http://evil.example/ HTTP/1.1\r\nHost: localhost").await, 421);
        assert_eq!(raw(&emulator, "GET / HTTP/1.0").await, 403);
    }

    #[tokio::test]
    async fn pages_of_other_servers_are_refused() {
        let emulator = emulator().await;
        for origin in ["http://evil.example", "http://localhost:3000", "null", "http://127.0.0.1", "x"] {
            let head = format!("GET /emulator/status HTTP/1.1\r\nHost: 127.0.0.1:8471\r\nOrigin: {origin}");
            assert_eq!(raw(&emulator, &head).await, 403, "{origin}");
        }
        let own = "GET /emulator/status HTTP/1.1\r\nHost: 127.0.0.1:8471\r\nOrigin: http://127.0.0.1:8471";
        assert_eq!(raw(&emulator, own).await, 200);
    }

    #[tokio::test]
    async fn what_changes_the_emulator_needs_a_header_that_forces_a_preflight() {
        let emulator = emulator().await;
        for method in ["POST", "DELETE", "PUT"] {
            let head = format!("{method} /emulator/faults HTTP/1.1\r\nHost: 127.0.0.1");
            assert_eq!(raw(&emulator, &head).await, 403, "{method}");
        }
        let preflight = "OPTIONS /emulator/faults HTTP/1.1\r\nHost: 127.0.0.1:1\r\nOrigin: http://evil.example\r\n\
                         Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-zerobus-emulator";
        assert_eq!(raw(&emulator, preflight).await, 403);
        let armed = "DELETE /emulator/faults HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Zerobus-Emulator: 1";
        assert_eq!(raw(&emulator, armed).await, 200);
    }

    #[tokio::test]
    async fn a_token_guards_the_paths_of_an_emulator_that_others_reach() {
        let emulator =
            Emulator::builder().schemas(tables()).address("0.0.0.0:0".parse().unwrap()).start().await.unwrap();
        assert!(emulator.url().starts_with("http://127.0.0.1:"), "{}", emulator.url());
        let token = emulator.control_token().unwrap().to_owned();
        assert_eq!(token.len(), 32);
        let get = |path: &'static str, token: String| raw_with(&emulator, path, token);
        assert_eq!(get("/emulator/status", String::new()).await, 401);
        assert_eq!(get("/emulator/status", "wrong".to_owned()).await, 401);
        assert_eq!(get("/emulator/status", token).await, 200);
        // The page holds nothing by itself.
        assert_eq!(get("/", String::new()).await, 200);
        Call::json(&emulator, "main.sales.orders").await.finish().await.unwrap();
    }

    async fn raw_with(emulator: &Emulator, path: &str, token: String) -> u16 {
        let head = format!("GET {path} HTTP/1.1\r\nHost: emulator:8471\r\nAuthorization: Bearer {token}");
        raw(emulator, &head).await
    }

    #[tokio::test]
    async fn a_token_may_be_given() {
        let emulator = Emulator::builder().control_token("secret").start().await.unwrap();
        assert_eq!(emulator.control_token(), Some("secret"));
        let url = format!("{}/emulator/status", emulator.url());
        let (status, body) = http(move |agent| agent.get(&url).call()).await;
        assert_eq!((status, &body["error_code"]), (401, &serde_json::json!("UNAUTHENTICATED")));
        assert!(!format!("{emulator:?}").contains("secret"));
    }
}

mod idle {
    use super::*;

    async fn hurried() -> Emulator {
        let mut limits = Limits::default();
        limits.connect_grace = Duration::from_millis(100);
        limits.idle_grace = Duration::from_millis(100);
        limits.request_grace = Duration::from_millis(200);
        Emulator::builder().schemas(tables()).limits(limits).start().await.unwrap()
    }

    /// Reads until the server closes; a test that waits for ever fails by the harness.
    async fn closed(mut socket: TcpStream) -> String {
        let mut rest = Vec::new();
        // A reset is an end as well.
        let _ = tokio::time::timeout(Duration::from_secs(20), socket.read_to_end(&mut rest)).await.unwrap();
        String::from_utf8_lossy(&rest).into_owned()
    }

    #[tokio::test]
    async fn a_connection_without_a_request_is_closed() {
        let emulator = hurried().await;
        for start in [
            "",
            "GET / HT",
            "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: b",
            "PRI * HTTP/2",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ] {
            let mut socket = TcpStream::connect(address(&emulator)).await.unwrap();
            socket.write_all(start.as_bytes()).await.unwrap();
            closed(socket).await;
        }
    }

    #[tokio::test]
    async fn a_connection_whose_requests_have_ended_is_closed() {
        let emulator = hurried().await;
        let mut socket = TcpStream::connect(address(&emulator)).await.unwrap();
        socket.write_all(b"GET /emulator/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await.unwrap();
        assert!(closed(socket).await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let emulator = hurried().await;
        let mut socket = TcpStream::connect(address(&emulator)).await.unwrap();
        let head = "POST /oidc/v1/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\
                    Content-Type: application/x-www-form-urlencoded\r\n\r\ngrant";
        socket.write_all(head.as_bytes()).await.unwrap();
        assert!(closed(socket).await.starts_with("HTTP/1.1 408"));
    }

    #[tokio::test]
    async fn a_call_that_does_not_create_a_stream_is_ended() {
        let emulator = hurried().await;
        let token = crate::support::token(&emulator, Some("main.sales.orders")).await;
        let call = Call::start(emulator.url(), &token, "main.sales.orders").await.unwrap();
        let status = call.refusal().await;
        assert_eq!(status.code(), Code::DeadlineExceeded, "{}", status.message());
    }

    #[tokio::test]
    async fn an_open_stream_keeps_its_connection() {
        let emulator = hurried().await;
        let mut call = Call::json(&emulator, "main.sales.orders").await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        call.send_json(0, &serde_json::json!({ "order_id": 1, "placed_at": 1, "lines": [], "currency": "EUR" })).await;
        call.acked(0).await;
        assert_eq!(call.finish().await.unwrap(), None);
    }
}
