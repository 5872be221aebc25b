//! Runs our client: it sends typed rows, or the same values as JSON.

use std::time::Duration;

use serde_json::Value;
use zerobus_runtime::{Accepts, Client, StreamBuilder, ZerobusMessage};

use crate::rows::{self, Case, Encoding, Shape};
use crate::{CLIENT_ID, CLIENT_SECRET};

/// Opens a stream, sends three rows one by one, flushes and closes. A refusal by the script ends the run.
pub(crate) async fn run(url: &str, case: Case) {
    let client = Client::builder().endpoint(url).workspace_url(url).credentials(CLIENT_ID, CLIENT_SECRET);
    let client = client.build().unwrap();
    match (case.encoding, case.shape) {
        (Encoding::Json, shape) => send::<_, Value>(client.json_stream(shape.table()), &shape.json()).await,
        (Encoding::Proto, Shape::Every) => typed(&client, &rows::everies()).await,
        (Encoding::Proto, Shape::Flat) => typed(&client, &rows::flats()).await,
        (Encoding::Proto, Shape::Nested) => typed(&client, &rows::nesteds()).await,
    }
}

async fn typed<T: ZerobusMessage + Accepts<T>>(client: &Client, rows: &[T]) {
    send::<T, T>(client.stream::<T>(), rows).await;
}

async fn send<T: Accepts<R>, R>(builder: StreamBuilder<T>, rows: &[R]) {
    let soon = Duration::from_millis(10);
    let Ok(stream) = builder.backoff(soon, soon).open().await else { return };
    for row in rows {
        let offset = stream.send(row).await.unwrap();
        stream.wait(offset).await.unwrap();
    }
    stream.flush().await.unwrap();
    stream.close().await.unwrap();
}
