//! `replay`: rows that were refused or returned, once more. What becomes durable leaves the file; the rest stays, with the
//! reason that it has now.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::time::Instant;

use zerobus_codegen::TableName;
use zerobus_runtime::dynamic::{RowPlan, TimeUnit};
use zerobus_runtime::{
    CloseError, DeadLetter, DeadLetterFile, EncodedStream, Encoder, Error, ErrorKind, Offset, Receipt as Fate,
};

use crate::Outcome;
use crate::arguments::Replay;
use crate::failure::Failure;
use crate::replace;
use crate::send::{Receipt, StreamIds};

/// Sends the rows, table by table, and prints a receipt.
pub(crate) async fn run(arguments: Replay) -> Result<Outcome, Failure> {
    let started = Instant::now();
    let (letters, _lock) = read(&arguments.file)?;
    let ids = StreamIds::default();
    let mut receipt = Receipt { read: letters.len() as u64, ..Receipt::default() };
    let mut tables: Vec<String> = letters.iter().map(|letter| letter.table().to_owned()).collect();
    tables.sort_unstable();
    tables.dedup();
    receipt.table = tables.join(" ");
    let mut kept = Vec::new();
    let mut rest = letters;
    for table in tables {
        let (mine, others) = rest.into_iter().partition(|letter| letter.table() == table);
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

/// The rows, and the lock of their file: what another process appended meanwhile would be lost.
fn read(path: &Path) -> Result<(Vec<DeadLetter>, DeadLetterFile), Failure> {
    let file = File::open(path).map_err(|error| Failure::file("read", path, error))?;
    let lock = DeadLetterFile::open(path)?;
    let letters: Result<_, Error> = DeadLetter::read_from(BufReader::new(file)).collect();
    Ok((letters.map_err(|error| Failure::file("read", path, error))?, lock))
}

/// What became of the rows of one table.
struct Sent {
    kept: Vec<DeadLetter>,
    possibly_twice: u64,
    error: Option<Failure>,
}

async fn send(arguments: &Replay, table: &str, letters: Vec<DeadLetter>, ids: &StreamIds) -> Sent {
    let opened = open(arguments, table, ids).await;
    let (plan, stream) = match opened {
        Ok(opened) => opened,
        Err(failure) => return Sent { kept: letters, possibly_twice: 0, error: Some(failure) },
    };
    // What is known of a row in part would be another row.
    let (mut kept, letters): (Vec<_>, Vec<_>) = letters.into_iter().partition(DeadLetter::is_partial);
    let mut under_way: Vec<(DeadLetter, Result<Fate, Error>)> = Vec::new();
    for letter in letters {
        let sent = send_one(&plan, &stream, &letter).await.map(|offset| stream.receipt(offset));
        under_way.push((letter, sent));
    }
    let closed = stream.close().await;
    for (letter, fate) in under_way {
        let fate = match fate {
            Ok(fate) => fate.await.map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = fate {
            kept.push(letter.with_reason(&error));
        }
    }
    let refused = |error: &CloseError| error.kind() == ErrorKind::Rejected;
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

async fn send_one(plan: &RowPlan, stream: &EncodedStream, letter: &DeadLetter) -> Result<Offset, Error> {
    if !letter.is_json() {
        return stream.send(letter.bytes()).await;
    }
    let mut out = Encoder::new();
    plan.encode(&plan.json(letter.bytes()), &mut out)?;
    stream.send(out.as_slice()).await
}

/// Puts what is left in the file's place.
fn write(path: &Path, kept: &[DeadLetter]) -> Result<(), Failure> {
    let written = replace::file(path, |file| {
        kept.iter().try_for_each(|letter| letter.write_to(&mut *file))?;
        // Others may read it as before.
        file.set_permissions(fs::metadata(path)?.permissions())
    });
    written.map_err(|error| Failure::file("write what is left to", path, error))
}
