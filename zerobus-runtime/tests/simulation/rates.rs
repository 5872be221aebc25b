//! The rate limits of a stream, in simulated time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use turmoil::Builder;
use zerobus_runtime::{Client, StreamBuilder};

use crate::network::{SimulatedDial, serve};
use crate::scripted::{Row, Scripted};
use crate::tokens::FlakyTokens;

/// When a request came, and how many rows and bytes of rows were in it.
type Arrival = (Duration, usize, usize);

/// Sends as many rows as a stream takes; what came at the server.
fn arrivals(rows: u64, limit: fn(StreamBuilder<Row>) -> StreamBuilder<Row>) -> Vec<Arrival> {
    let mut sim = Builder::new().rng_seed(1).simulation_duration(Duration::from_secs(600)).build();
    let arrivals = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&arrivals);
    let service = Scripted::new(move |mut call| {
        let log = Arc::clone(&log);
        async move {
            call.create().await;
            while let Some(received) = call.batch().await {
                let bytes = received.rows.iter().map(Vec::len).sum();
                log.lock().unwrap().push((turmoil::sim_elapsed().unwrap(), received.rows.len(), bytes));
                call.keep(&received);
                call.ack(received.offset).await;
            }
        }
    });
    sim.host("server", move || serve(service.clone()));
    sim.client("client", async move {
        let client = Client::builder()
            .endpoint("http://server")
            .allow_plain_http()
            .token_provider(FlakyTokens::new(1, 0.0))
            .dial(SimulatedDial)
            .build()?;
        let stream = limit(client.stream::<Row>()).open().await?;
        for n in 0..rows {
            stream.send(&Row::padded(n, 80)).await?;
        }
        assert_eq!(stream.close().await?.rows, rows);
        Ok(())
    });
    sim.run().unwrap();
    std::mem::take(&mut *arrivals.lock().unwrap())
}

/// The most that came within a second, of what `count` counts.
fn most_in_a_second(arrivals: &[Arrival], count: fn(&Arrival) -> usize) -> usize {
    let second = |from: Duration| arrivals.iter().filter(move |(at, ..)| (from..from + SECOND).contains(at));
    arrivals.iter().map(|(at, ..)| second(*at).map(count).sum()).max().unwrap_or(0)
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn no_second_takes_more_rows_than_the_limit_and_a_burst() {
    let arrivals = arrivals(20_000, |stream| stream.max_rows_per_second(2000));
    let most = most_in_a_second(&arrivals, |(_, rows, _)| *rows);
    assert!((1900..=2400).contains(&most), "{most} rows in a second");
    let longest = arrivals.iter().map(|(_, rows, _)| *rows).max().unwrap();
    assert!(longest <= 200, "{longest} rows in a request");
}

#[test]
fn no_second_takes_more_bytes_than_the_limit_and_a_burst() {
    let arrivals = arrivals(20_000, |stream| stream.max_bytes_per_second(200_000));
    let most = most_in_a_second(&arrivals, |(_, _, bytes)| *bytes);
    assert!((170_000..=240_000).contains(&most), "{most} bytes in a second");
}

#[test]
fn without_a_limit_the_rows_go_at_once() {
    let arrivals = arrivals(20_000, |stream| stream);
    let last = arrivals.last().unwrap().0;
    assert!(last < SECOND, "{last:?}");
}
