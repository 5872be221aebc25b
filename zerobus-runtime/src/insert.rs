//! Rows by REST, for places that cannot hold a stream: one request after the other, each stored whole or not at all.
//!
//! The token is the table's, as for a stream. A request that may succeed later is sent again, after the pause that the
//! server asks for or one that doubles; a rejected token is renewed once. Delivery is at least once.

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
    /// The token was rejected.
    Rejected(Error),
    Stored,
}

impl Client {
    /// Inserts rows that serialize as JSON objects, by REST and without a stream; returns their number.
    ///
    /// Rows have the form of those of a [`JsonStream`](crate::JsonStream). They are sent in order, in as few requests
    /// as the service's limit of about 10 MB allows; every row is durable when this returns. From a few rows per second
    /// on, a stream is faster.
    ///
    /// # Errors
    /// If a row does not serialize or exceeds the limit, or the service refuses or cannot be reached. The error's text
    /// says how many rows, the first ones, are durable all the same; if a connection was lost, those of one more
    /// request may be durable as well.
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
        let mut durable = 0;
        self.insert_requests(&table, rows, &mut durable).await.map_err(|cause| match durable {
            0 => cause,
            durable => Fault::InsertStopped { table: table.to_string(), durable, cause }.into(),
        })?;
        Ok(durable)
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
        durable: &mut u64,
    ) -> Result<(), Error> {
        let mut request = Request::default();
        for row in rows {
            let row = encoded(&row)?;
            if !request.has_room(&row) {
                *durable += self.insert_request(table, std::mem::take(&mut request)).await?;
            }
            request.add(&row);
        }
        if request.rows > 0 {
            *durable += self.insert_request(table, request).await?;
        }
        Ok(())
    }

    /// Sends one request until it is stored; returns how many rows it has.
    async fn insert_request(&self, table: &TableName, request: Request) -> Result<u64, Error> {
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
            let error = match answer.unwrap_or_else(|_| Answer::Failed(Fault::ShutDown.into())) {
                Answer::Stored => return Ok(rows),
                Answer::Rejected(error) => {
                    self.tokens().reject(table, token.number);
                    if is_renewed {
                        return Err(error);
                    }
                    is_renewed = true;
                    continue;
                }
                Answer::Failed(error) => error,
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
            Err(source) => return Answer::Failed(self.failed(source.into())),
        };
        let (status, retry_after) = (answer.status(), Refusal::retry_after(answer.headers()));
        if status == StatusCode::OK {
            return Answer::Stored;
        }
        // An unreadable response counts as empty.
        let text = answer.body_mut().read_to_string().unwrap_or_default();
        let Refused { error_code, message } = serde_json::from_str(&text).unwrap_or_default();
        let refusal = Refusal { http_status: status.as_u16(), error: error_code, description: message, retry_after };
        let error = Fault::InsertRefused { table: self.table.to_string(), refusal }.into();
        if status == StatusCode::UNAUTHORIZED { Answer::Rejected(error) } else { Answer::Failed(error) }
    }

    fn failed(&self, source: Box<dyn std::error::Error + Send + Sync>) -> Error {
        Fault::InsertFailed { table: self.table.to_string(), url: self.url.clone(), source }.into()
    }
}
