//! Rows by way of a real nginx as Debian ships it: `grpc_pass`, and its limit of a mebibyte for every request body.
//!
//! ```text
//! apt-get install nginx && cargo test -p zerobus-runtime --test nginx -- --ignored
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use scripted::{Call, Row, Scripted, client};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use zerobus_runtime::ClientBuilder;

/// A running nginx, which ends with the test.
struct Nginx {
    process: Child,
    port: u16,
    _files: TempDir,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The configuration: all of it is about files and ports, and nothing about limits.
fn configuration(folder: &Path, port: u16, server: &str, tls: &str) -> String {
    let folder = folder.display();
    let listen = if tls.is_empty() { "" } else { " ssl" };
    format!(
        "daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
        events {{}}
        http {{
            access_log off;
            client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
            uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
            server {{ listen 127.0.0.1:{port}{listen} http2; {tls} location / {{ grpc_pass grpc://{server}; }} }}
        }}"
    )
}

async fn start(server: &str, tls: Option<(&str, &str)>) -> Nginx {
    let files = tempfile::tempdir().unwrap();
    let folder = files.path();
    let tls = tls.map_or_else(String::new, |(certificate, key)| {
        fs::write(folder.join("certificate.pem"), certificate).unwrap();
        fs::write(folder.join("key.pem"), key).unwrap();
        let folder = folder.display();
        format!("ssl_certificate {folder}/certificate.pem; ssl_certificate_key {folder}/key.pem;")
    });
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let text = configuration(folder, port, server.trim_start_matches("http://"), &tls);
    fs::write(folder.join("nginx.conf"), text).unwrap();
    let mut nginx = Command::new("nginx");
    nginx.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf")).stdin(Stdio::null());
    let process = nginx.spawn().expect("nginx is installed");
    let mut nginx = Nginx { process, port, _files: files };
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(nginx.process.try_wait().unwrap().is_none(), "nginx has ended");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    nginx
}

/// Sends several times what nginx lets through in a request.
async fn all_rows_arrive(client: ClientBuilder, server: &scripted::Server) {
    const ROWS: u64 = 8_000;
    let stream = client.build().unwrap().stream::<Row>();
    let stream = stream.backoff(Duration::from_millis(1), Duration::from_millis(10)).open().await.unwrap();
    stream.send_all((0..ROWS).map(|n| Row::padded(n, 1_000))).await.unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(60), stream.close()).await;
    let report = closed.expect("every row gets through in the end").unwrap();
    assert_eq!(report.rows, ROWS);
    assert!(report.stats.opened > 1, "nginx cut no call");
    let mut durable = server.records.durable();
    durable.sort_unstable();
    durable.dedup();
    assert_eq!(durable, (0..ROWS).collect::<Vec<_>>());
}

#[tokio::test]
#[ignore = "needs nginx, which .ci/run installs"]
async fn rows_get_through_an_nginx_as_it_comes() {
    let server = Scripted::new(Call::serve).start().await;
    let nginx = start(&server.url, None).await;
    all_rows_arrive(client(&format!("http://127.0.0.1:{}", nginx.port)), &server).await;
}

#[tokio::test]
#[ignore = "needs nginx, which .ci/run installs"]
async fn rows_get_through_an_nginx_as_it_comes_with_tls() {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (certified.cert.pem(), certified.signing_key.serialize_pem());
    let server = Scripted::new(Call::serve).start().await;
    let nginx = start(&server.url, Some((&certificate, &key))).await;
    let client = client(&format!("https://localhost:{}", nginx.port)).certificate_authority(certificate);
    all_rows_arrive(client, &server).await;
}
