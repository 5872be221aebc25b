//! A producer with metrics for Prometheus: `cargo run -p prometheus-example`, then open <http://127.0.0.1:9464>.
//!
//! `dashboard.json` beside this file is a dashboard for Grafana. With the argument `--once`, the program sends some
//! rows, prints the metrics and exits.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use serde_json::json;
use zerobus_emulator::Emulator;
use zerobus_runtime::{Client, JsonStream};

const TABLE: &str = "main.iot.readings";

/// The bounds of the histogram in seconds, from a fast acknowledgement to a worrying one.
const LATENCIES: [f64; 9] = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let is_once = std::env::args().any(|argument| argument == "--once");
    let buckets = Matcher::Full("messaging.client.operation.duration".to_owned());
    let prometheus = PrometheusBuilder::new().set_buckets_for_metric(buckets, &LATENCIES)?;
    // A test uses any free port; Prometheus needs a fixed one.
    let port = if is_once { 0 } else { 9464 };
    let (recorder, exporter) = prometheus.with_http_listener(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).build()?;
    let figures = recorder.handle();
    metrics::set_global_recorder(recorder)?;
    tokio::spawn(exporter);

    let emulator = Emulator::builder().ddl(concat!(env!("CARGO_MANIFEST_DIR"), "/readings.sql")).start().await?;
    let client = Client::builder()
        .endpoint(emulator.url())
        .workspace_url(emulator.url())
        .credentials(emulator.client_id(), emulator.client_secret())
        .build()?;
    let stream = client.json_stream(TABLE).open().await?;
    if is_once {
        send(&stream, 1000, Duration::ZERO).await?;
        stream.flush().await?;
        print!("{}", figures.render());
    } else {
        println!("http://127.0.0.1:{port}/metrics has the figures of a stream that sends 200 rows a second");
        send(&stream, u32::MAX, Duration::from_millis(5)).await?;
    }
    stream.close().await?;
    emulator.shutdown().await;
    Ok(())
}

async fn send(stream: &JsonStream, rows: u32, pause: Duration) -> Result<(), Failure> {
    for n in 0..rows {
        let row = json!({ "device": format!("a-{}", n % 7), "celsius": f64::from(n % 400) / 10.0 });
        stream.send(&row).await?;
        tokio::time::sleep(pause).await;
    }
    Ok(())
}
