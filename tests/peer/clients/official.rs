//! The official client: sends rows that prost encodes, one by one or a thousand per call.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use databricks_zerobus_ingest_sdk::{JsonString, ProtoBytes, ZerobusResult, ZerobusSdk, ZerobusStream};
use prost::Message;
use zerobus_runtime::ZerobusMessage;

use zerobus_peer::Failure;
use zerobus_peer::headers::Headers;
use zerobus_peer::measure::{Report, Usage};
use zerobus_peer::plan::{Calls, Plan, Sender, Shape};
use zerobus_peer::rows::{Flat, JsonFlat, Nested, Numbered, Pool, ProstFlat, ProstNested, ProstWide, Wide};

const BATCH: usize = 1000;

/// Runs the plan.
///
/// # Errors
/// If the client fails.
pub(crate) async fn run(plan: Plan) -> Result<Report, Failure> {
    if let Some(streams) = plan.idle {
        return idle(&plan, streams).await;
    }
    match plan.shape {
        Shape::Flat => proto::<ProstFlat, Flat>(&plan, "main.peer.flat").await,
        Shape::Json => json(&plan, "main.peer.flat").await,
        Shape::Nested => proto::<ProstNested, Nested>(&plan, "main.peer.nested").await,
        Shape::Wide => proto::<ProstWide, Wide>(&plan, "main.peer.wide").await,
    }
}

/// The descriptor is ours; `tests/descriptors.rs` proves that it equals the official converter's.
async fn proto<T: Message + Numbered, O: ZerobusMessage>(plan: &Plan, table: &'static str) -> Result<Report, Failure> {
    let sdk = ZerobusSdk::builder().endpoint(&plan.url).build()?;
    let builder = sdk.stream_builder().table(table).headers_provider(Arc::new(Headers(table)));
    let stream = Arc::new(builder.compiled_proto(O::descriptor()).build().await?);
    let encode = |row: &T| ProtoBytes(row.encode_to_vec());
    drive(plan, stream, encode).await
}

async fn idle(plan: &Plan, streams: u64) -> Result<Report, Failure> {
    let table = "main.peer.flat";
    let sdk = ZerobusSdk::builder().endpoint(&plan.url).build()?;
    let mut rows = Pool::<ProstFlat>::new();
    let mut open = Vec::new();
    let before = Usage::now()?;
    for n in 0..streams {
        let builder = sdk.stream_builder().table(table).headers_provider(Arc::new(Headers(table)));
        let stream = builder.compiled_proto(Flat::descriptor()).build().await?;
        stream.ingest_record_offset(ProtoBytes(rows.row(n).encode_to_vec())).await?;
        stream.flush().await?;
        open.push(stream);
    }
    let report = before.report(streams, &mut [])?;
    for mut stream in open {
        stream.close().await?;
    }
    Ok(report)
}

async fn json(plan: &Plan, table: &'static str) -> Result<Report, Failure> {
    let sdk = ZerobusSdk::builder().endpoint(&plan.url).build()?;
    let builder = sdk.stream_builder().table(table).headers_provider(Arc::new(Headers(table)));
    let stream = Arc::new(builder.json().build().await?);
    // A row of plain fields cannot fail to serialize.
    let encode = |row: &JsonFlat| JsonString(serde_json::to_string(row).unwrap_or_default());
    drive(plan, stream, encode).await
}

async fn drive<T, R, E>(plan: &Plan, stream: Arc<ZerobusStream>, encode: E) -> Result<Report, Failure>
where
    T: Numbered,
    R: Record,
    E: Fn(&T) -> R,
{
    let client =
        Official { stream: Arc::clone(&stream), rows: Pool::new(), encode, calls: plan.calls, record: PhantomData };
    let report = plan.drive(client).await?;
    Arc::into_inner(stream).ok_or("somebody still waits for a row")?.close().await?;
    Ok(report)
}

/// A record of the official client.
trait Record {
    async fn single(self, stream: &ZerobusStream) -> ZerobusResult<i64>;
    async fn many(records: impl Iterator<Item = Self>, stream: &ZerobusStream) -> ZerobusResult<Option<i64>>;
}

macro_rules! record {
    ($($record:ty),*) => {$(
        impl Record for $record {
            async fn single(self, stream: &ZerobusStream) -> ZerobusResult<i64> {
                stream.ingest_record_offset(self).await
            }

            async fn many(records: impl Iterator<Item = Self>, stream: &ZerobusStream) -> ZerobusResult<Option<i64>> {
                stream.ingest_records_offset(records).await
            }
        }
    )*};
}

record!(JsonString, ProtoBytes);

struct Official<T, R, E> {
    stream: Arc<ZerobusStream>,
    rows: Pool<T>,
    encode: E,
    calls: Calls,
    record: PhantomData<R>,
}

impl<T: Numbered, R: Record, E: Fn(&T) -> R> Sender for Official<T, R, E> {
    type Offset = i64;

    async fn send(&mut self, rows: Range<u64>) -> Result<i64, Failure> {
        let mut last = None;
        match self.calls {
            Calls::Single => {
                for n in rows {
                    last = Some((self.encode)(self.rows.row(n)).single(&self.stream).await?);
                }
            }
            Calls::Thousand => {
                for first in rows.clone().step_by(BATCH) {
                    let numbers = first..rows.end.min(first + BATCH as u64);
                    let records = numbers.map(|n| (self.encode)(self.rows.row(n)));
                    last = R::many(records, &self.stream).await?;
                }
            }
        }
        last.ok_or_else(|| "no row to send".into())
    }

    fn wait(&self, offset: i64) -> impl Future<Output = Result<(), Failure>> + Send + 'static {
        let stream = Arc::clone(&self.stream);
        async move { Ok(stream.wait_for_offset(offset).await?) }
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.stream.flush().await?)
    }
}
