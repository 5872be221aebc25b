//! Rows by REST, for places that cannot hold a stream: one request after the other, each stored whole or not at all.
//!
//! The token is the table's, as for a stream. A request that may succeed later is sent again, after the pause that the
//! server asks for or one that doubles; a rejected token is renewed once. Delivery is at least once.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use ureq::Agent;
use zerobus_codegen::TableName;

use crate::client::Client;
use crate::core::Settings;
use crate::error::{Error, Fault, Refusal};
use crate::message::Encoder;
use crate::stream::{Accepts, Json, current_thread};

/// How often a request is sent before it fails.
const ATTEMPTS: u32 = 6;

/// The pause after the first failed attempt, and the longest that a server may ask for.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The service's response if it refuses.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Refused {
    error_code: String,
    message: String,
}

/// The outcome of an attempt.
enum Answer {
    Failed(Error),
    /// The service may have stored the rows, and its answer did not arrive.
    Lost(Error),
    /// The token was rejected.
    Rejected(Error),
    Stored,
}

/// How many rows were stored so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inserted {
    pub(crate) durable: u64,
    /// How many of those behind them may be durable as well, since an answer was lost.
    pub(crate) possibly: u64,
}

impl Client {
    /// Inserts rows that serialize as JSON objects, by REST and without a stream; returns their number.
    ///
    /// Rows have the form of those of a [`JsonStream`](crate::JsonStream). They are sent in order, in as few requests
    /// as the service's limit of about 10 MB allows; every row is durable when this returns. From a few rows per second
    /// on, a stream is faster.
    ///
    /// Delivery is at least once: a request whose answer is lost is sent again, so that its rows may be in the table
    /// twice also when this returns without an error. That is logged at WARN, as `zerobus.insert.repeated`.
    ///
    /// # Errors
    /// If a row does not serialize or exceeds the limit, or the service refuses or cannot be reached. The error's text
    /// says how many rows, the first ones, are durable all the same, and how many behind them may be because an answer
    /// was lost: those of one request.
    ///
    /// ```no_run
    /// # async fn f(client: zerobus_runtime::Client) -> Result<(), zerobus_runtime::Error> {
    /// let rows = [serde_json::json!({"id": "us7000n0bq", "mag": 4.2})];
    /// assert_eq!(client.insert("main.geo.earthquakes", &rows).await?, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn insert<R: Serialize>(
        &self,
        table: impl AsRef<str>,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<u64, Error> {
        let table: TableName = table.as_ref().parse().map_err(Fault::Table)?;
        let mut inserted = Inserted::default();
        self.insert_requests(&table, rows, &mut inserted).await.map_err(|cause| {
            if inserted == Inserted::default() {
                return cause;
            }
            Fault::InsertStopped { table: table.to_string(), inserted, cause }.into()
        })?;
        Ok(inserted.durable)
    }

    /// As [`insert`](Self::insert), for a program without async.
    ///
    /// # Errors
    /// As `insert`, and if no thread can be started.
    ///
    /// # Panics
    /// Inside a tokio runtime.
    pub fn insert_blocking<R: Serialize>(
        &self,
        table: impl AsRef<str>,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<u64, Error> {
        current_thread()?.block_on(self.insert(table, rows))
    }

    async fn insert_requests<R: Serialize>(
        &self,
        table: &TableName,
        rows: impl IntoIterator<Item = R>,
        inserted: &mut Inserted,
    ) -> Result<(), Error> {
        let mut request = Request::default();
        for row in rows {
            let row = encoded(&row)?;
            if !request.has_room(&row) {
                self.insert_request(table, std::mem::take(&mut request), inserted).await?;
            }
            request.add(&row);
        }
        if request.rows > 0 {
            self.insert_request(table, request, inserted).await?;
        }
        Ok(())
    }

    /// Sends one request until it is stored.
    async fn insert_request(&self, table: &TableName, request: Request, inserted: &mut Inserted) -> Result<(), Error> {
        let rows = request.rows;
        let body = request.into_body();
        let mut is_renewed = false;
        let (mut attempt, mut pause) = (0, FIRST_PAUSE);
        loop {
            attempt += 1;
            let token = self.tokens().token(table).await?;
            let post = Post { table: table.clone(), url: self.insert_url(table), agent: self.rest().clone() };
            let (sent, authorization) = (body.clone(), token.token.header()?);
            let answer = tokio::task::spawn_blocking(move || post.send(&sent, &authorization)).await;
            let error = match answer.unwrap_or_else(|_| Answer::Lost(Fault::ShutDown.into())) {
                Answer::Stored => {
                    if inserted.possibly > 0 {
                        report_repeated(table, rows);
                    }
                    *inserted = Inserted { durable: inserted.durable + rows, possibly: 0 };
                    return Ok(());
                }
                Answer::Rejected(error) => {
                    self.tokens().reject(table, token.number);
                    if is_renewed {
                        return Err(error);
                    }
                    is_renewed = true;
                    continue;
                }
                Answer::Failed(error) => error,
                Answer::Lost(error) => {
                    inserted.possibly = rows;
                    error
                }
            };
            if attempt >= ATTEMPTS || !error.is_retryable() {
                return Err(error);
            }
            let random = pause.mul_f64(0.5 + 0.5 * fastrand::f64());
            tokio::time::sleep(error.retry_after().unwrap_or(random).min(LONGEST_PAUSE)).await;
            pause *= 2;
        }
    }

    fn insert_url(&self, table: &TableName) -> String {
        format!("{}/zerobus/v1/tables/{table}/insert", self.transport().endpoint)
    }
}

fn report_repeated(table: &TableName, rows: u64) {
    tracing::warn!(
        name: "zerobus.insert.repeated",
        %table,
        rows,
        "an answer was lost and the rows were inserted again: they may be in the table twice"
    );
}

/// A row as JSON, checked as a JSON stream checks it.
fn encoded<R: Serialize>(row: &R) -> Result<Vec<u8>, Error> {
    let mut out = Encoder::new();
    Json::write(row, &mut out)?;
    let (bytes, limit) = (out.len(), Request::LIMIT - 2);
    if bytes > limit {
        return Err(Fault::RowTooLarge { bytes, limit }.into());
    }
    Ok(out.into_bytes())
}

/// A JSON array of rows that grows.
#[derive(Default)]
struct Request {
    json: Vec<u8>,
    rows: u64,
}

impl Request {
    /// The service's limit, minus the envelope.
    const LIMIT: usize = Settings::REQUEST_LIMIT;

    fn has_room(&self, row: &[u8]) -> bool {
        // A comma or the first bracket, and the last bracket.
        self.json.len() + row.len() + 2 <= Self::LIMIT
    }

    fn add(&mut self, row: &[u8]) {
        self.json.push(if self.rows == 0 { b'[' } else { b',' });
        self.json.extend_from_slice(row);
        self.rows += 1;
    }

    fn into_body(mut self) -> Bytes {
        self.json.push(b']');
        self.json.into()
    }
}

/// One attempt, on a thread that may block.
struct Post {
    table: TableName,
    url: String,
    agent: Arc<Agent>,
}

impl Post {
    fn send(&self, body: &[u8], authorization: &http::HeaderValue) -> Answer {
        let request = self.agent.post(&self.url).header(header::AUTHORIZATION, authorization);
        let answer = request.header(header::CONTENT_TYPE, "application/json").send(body);
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(source) if has_left(&source) => return Answer::Lost(self.failed(source)),
            Err(source) => return Answer::Failed(self.failed(source)),
        };
        let (status, retry_after) = (answer.status(), Refusal::retry_after(answer.headers()));
        if status == StatusCode::OK {
            return Answer::Stored;
        }
        // An unreadable response counts as empty.
        let text = answer.body_mut().read_to_string().unwrap_or_default();
        let Refused { error_code, message } = serde_json::from_str(&text).unwrap_or_default();
        // It is not the service's own: a proxy does not know what the service did.
        let is_lost = error_code.is_empty() && matches!(status.as_u16(), 500 | 502..=504);
        let refusal = Refusal { http_status: status.as_u16(), error: error_code, description: message, retry_after };
        let error = Fault::InsertRefused { table: self.table.to_string(), refusal }.into();
        match status {
            StatusCode::UNAUTHORIZED => Answer::Rejected(error),
            _ if is_lost => Answer::Lost(error),
            _ => Answer::Failed(error),
        }
    }

    fn failed(&self, source: ureq::Error) -> Error {
        Fault::InsertFailed { table: self.table.to_string(), url: self.url.clone(), source: source.into() }.into()
    }
}

/// Whether a request that got no answer may have reached the service: not if there was no connection.
fn has_left(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::ConnectionFailed
        | ureq::Error::ConnectProxyFailed(_)
        | ureq::Error::HostNotFound
        | ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => false,
        ureq::Error::Io(source) => source.kind() != io::ErrorKind::ConnectionRefused,
        _ => true,
    }
}
