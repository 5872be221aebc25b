//! Our client: sends typed rows one by one.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use zerobus_runtime::{
    Client, IngestStream, JsonStream, Offset, StreamBuilder, TableName, Token, TokenFuture, TokenProvider,
    ZerobusMessage,
};

use zerobus_peer::Failure;
use zerobus_peer::measure::{Report, Usage};
use zerobus_peer::plan::{Plan, Sender, Shape};
use zerobus_peer::rows::{Flat, JsonFlat, Nested, Numbered, Pool, Wide};

/// Runs the plan.
///
/// # Errors
/// If the client fails.
pub(crate) async fn run(plan: Plan) -> Result<Report, Failure> {
    let client = Client::builder().endpoint(&plan.url).token_provider(Static).build()?;
    if let Some(streams) = plan.idle {
        return idle(&client, &plan, streams).await;
    }
    match plan.shape {
        Shape::Flat => typed::<Flat>(&client, &plan).await,
        Shape::Json => json(&client, &plan).await,
        Shape::Nested => typed::<Nested>(&client, &plan).await,
        Shape::Wide => typed::<Wide>(&client, &plan).await,
    }
}

async fn typed<T: ZerobusMessage + Numbered>(client: &Client, plan: &Plan) -> Result<Report, Failure> {
    let rows = Pool::<T>::new();
    let stream = Arc::new(configured(client.stream::<T>(), plan).open().await?);
    let report = plan.drive(Typed { stream: Arc::clone(&stream), rows }).await?;
    close(stream).await?;
    Ok(report)
}

async fn idle(client: &Client, plan: &Plan, streams: u64) -> Result<Report, Failure> {
    let mut rows = Pool::<Flat>::new();
    let mut open = Vec::new();
    let before = Usage::now()?;
    for n in 0..streams {
        let stream = configured(client.stream::<Flat>(), plan).open().await?;
        stream.send(rows.row(n)).await?;
        stream.flush().await?;
        open.push(stream);
    }
    let report = before.report(streams, &mut [])?;
    for stream in open {
        stream.close().await?;
    }
    Ok(report)
}

async fn json(client: &Client, plan: &Plan) -> Result<Report, Failure> {
    let rows = Pool::new();
    let stream = Arc::new(configured(client.json_stream("main.peer.flat"), plan).open().await?);
    let report = plan.drive(Json { stream: Arc::clone(&stream), rows }).await?;
    close(stream).await?;
    Ok(report)
}

fn configured<T>(builder: StreamBuilder<T>, plan: &Plan) -> StreamBuilder<T> {
    let builder = builder.linger(Duration::from_micros(plan.linger_us));
    match plan.budget {
        None => builder,
        Some(bytes) => builder.max_unacked_bytes(bytes),
    }
}

async fn close<T>(stream: Arc<IngestStream<T>>) -> Result<(), Failure> {
    let stream = Arc::into_inner(stream).ok_or("somebody still waits for a row")?;
    stream.close().await?;
    Ok(())
}

/// A token for a server that does not check it.
#[derive(Debug)]
struct Static;

impl TokenProvider for Static {
    fn token(&self, _table: &TableName) -> TokenFuture<'_> {
        Box::pin(async { Ok(Token::new("peer", Duration::from_secs(3600))) })
    }
}

struct Typed<T> {
    stream: Arc<IngestStream<T>>,
    rows: Pool<T>,
}

struct Json {
    stream: Arc<JsonStream>,
    rows: Pool<JsonFlat>,
}

macro_rules! sender {
    ([$($generics:tt)*] $sender:ty) => {
        impl<$($generics)*> Sender for $sender {
            type Offset = Offset;

            async fn send(&mut self, rows: Range<u64>) -> Result<Offset, Failure> {
                let mut last = None;
                for n in rows {
                    last = Some(self.stream.send(self.rows.row(n)).await?);
                }
                last.ok_or_else(|| "no row to send".into())
            }

            fn wait(&self, offset: Offset) -> impl Future<Output = Result<(), Failure>> + Send + 'static {
                let stream = Arc::clone(&self.stream);
                async move { Ok(stream.wait(offset).await?) }
            }

            async fn flush(&mut self) -> Result<(), Failure> {
                Ok(self.stream.flush().await?)
            }
        }
    };
}

sender!([T: ZerobusMessage + Numbered] Typed<T>);
sender!([] Json);
