//! `replay`: rows that were refused or returned, once more. What becomes durable leaves the file; the rest stays, with the
//! reason that it has now.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};
use zerobus_codegen::TableName;
use zerobus_runtime::dynamic::{RowPlan, TimeUnit};
use zerobus_runtime::{CloseError, EncodedStream, Encoder, Error, Receipt as Fate};

use crate::Outcome;
use crate::arguments::Replay;
use crate::failure::Failure;
use crate::replace;
use crate::send::{Receipt, StreamIds};

/// A row of the file.
struct Letter {
    table: String,
    is_json: bool,
    row: Vec<u8>,
    /// The whole line, to be kept if the row fails again.
    line: Map<String, Value>,
}

/// Sends the rows, table by table, and prints a receipt.
pub(crate) async fn run(arguments: Replay) -> Result<Outcome, Failure> {
    let started = Instant::now();
    let letters = read(&arguments.file)?;
    let ids = StreamIds::default();
    let mut receipt = Receipt { read: letters.len() as u64, ..Receipt::default() };
    let mut tables: Vec<String> = letters.iter().map(|letter| letter.table.clone()).collect();
    tables.sort_unstable();
    tables.dedup();
    receipt.table = tables.join(" ");
    let mut kept = Vec::new();
    let mut rest = letters;
    for table in tables {
        let (mine, others) = rest.into_iter().partition(|letter| letter.table == table);
        rest = others;
        let mut sent = send(&arguments, &table, mine, &ids).await;
        receipt.possibly_twice += sent.possibly_twice;
        receipt.error = receipt.error.or(sent.error.map(|failure| failure.to_string()));
        kept.append(&mut sent.kept);
    }
    receipt.durable = receipt.read - kept.len() as u64;
    if receipt.durable > 0 || !kept.is_empty() {
        write(&arguments.file, &kept)?;
    }
    let left = kept.len() as u64;
    match receipt.error {
        Some(_) => receipt.undelivered = left,
        None => receipt.refused = left,
    }
    receipt.time = started.elapsed();
    receipt.streams = ids.all();
    receipt.print(arguments.json);
    Ok(receipt.outcome())
}

fn read(path: &Path) -> Result<Vec<Letter>, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::file("read", path, error))?;
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            letter(line).map_err(|problem| Failure::text(format!("{}, line {number}: {problem}", path.display())))
        })
        .collect()
}

fn letter(line: &str) -> Result<Letter, String> {
    let line: Map<String, Value> = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let text = |name: &str| line.get(name).and_then(Value::as_str).ok_or_else(|| format!("it has no text `{name}`"));
    let is_json = match text("encoding")? {
        "json" => true,
        "proto" => false,
        other => return Err(format!("its encoding is {other:?}, and json and proto are known")),
    };
    let row = BASE64_STANDARD.decode(text("row")?).map_err(|error| format!("`row` is no base64: {error}"))?;
    let table = text("table")?.to_owned();
    Ok(Letter { table, is_json, row, line })
}

/// What became of the rows of one table.
struct Sent {
    kept: Vec<Letter>,
    possibly_twice: u64,
    error: Option<Failure>,
}

async fn send(arguments: &Replay, table: &str, letters: Vec<Letter>, ids: &StreamIds) -> Sent {
    let opened = open(arguments, table, ids).await;
    let (plan, stream) = match opened {
        Ok(opened) => opened,
        Err(failure) => return Sent { kept: letters, possibly_twice: 0, error: Some(failure) },
    };
    let mut under_way: Vec<(Letter, Result<Fate, Error>)> = Vec::new();
    for letter in letters {
        let sent = send_one(&plan, &stream, &letter).await.map(|offset| stream.receipt(offset));
        under_way.push((letter, sent));
    }
    let closed = stream.close().await;
    let mut kept = Vec::new();
    for (mut letter, fate) in under_way {
        let fate = match fate {
            Ok(fate) => fate.await.map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = fate {
            letter.line.insert("reason".to_owned(), error.to_string().into());
            letter.line.insert("kind".to_owned(), error.kind().as_str().into());
            kept.push(letter);
        }
    }
    let refused = |error: &CloseError| error.kind() == zerobus_runtime::ErrorKind::Rejected;
    let error =
        closed.err().filter(|error| !refused(error)).map(|error| Failure::new("the rows were not delivered", error));
    Sent { kept, possibly_twice: stream.stats().rows_replayed, error }
}

async fn open(arguments: &Replay, table: &str, ids: &StreamIds) -> Result<(RowPlan, EncodedStream), Failure> {
    let name: TableName = table.parse().map_err(|error| Failure::new("a row has no table", error))?;
    let mut plan = arguments.rows.plan(&name, &arguments.login).await?;
    if arguments.rows.time_unit.is_none() {
        // As JSON streams have them.
        plan = plan.integer_times(TimeUnit::Micros);
    }
    let stream = arguments.login.client()?.encoded_stream(plan.table(), plan.descriptor()).on_event(ids.hook());
    // Every row may be refused again, and each is to have its answer.
    let stream = stream.max_rejected_rows(usize::MAX).open().await?;
    Ok((plan, stream))
}

async fn send_one(plan: &RowPlan, stream: &EncodedStream, letter: &Letter) -> Result<zerobus_runtime::Offset, Error> {
    if !letter.is_json {
        return stream.send(&letter.row).await;
    }
    let mut out = Encoder::new();
    plan.encode(&plan.json(&letter.row), &mut out)?;
    stream.send(out.as_slice()).await
}

/// Puts what is left in the file's place.
fn write(path: &Path, kept: &[Letter]) -> Result<(), Failure> {
    let written = replace::file(path, |file| {
        for letter in kept {
            serde_json::to_writer(&mut *file, &letter.line)?;
            file.write_all(b"\n")?;
        }
        // Others may read it as before.
        file.set_permissions(fs::metadata(path)?.permissions())
    });
    written.map_err(|error| Failure::file("write what is left to", path, error))
}
