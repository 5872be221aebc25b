//! An undelivered row as a line of JSON.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Undelivered, UndeliveredRow, part_of};
use crate::error::{Error, ErrorKind, Fault, ServerCode};
use crate::offset::Offset;
use crate::persisted::Persisted;
use crate::record_kind::RecordKind;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    table: Cow<'a, str>,
    encoding: RecordKind,
    offset: u64,
    persisted: Persisted,
    kind: ErrorKind,
    #[serde(borrow)]
    reason: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    code: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    state: Option<u32>,
    #[serde(borrow)]
    row: Cow<'a, str>,
    /// For human readers; only `row` is read back.
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    json: Option<&'a RawValue>,
}

/// Writes every row as a line.
pub(super) fn write(rows: &Undelivered, mut out: impl io::Write) -> io::Result<()> {
    for UndeliveredRow { offset, bytes, persisted, reason } in rows.rows() {
        let json = match rows.kind {
            RecordKind::Json => std::str::from_utf8(&bytes).ok().map(on_one_line),
            RecordKind::Proto => None,
        };
        let line = Line {
            table: rows.table.as_str().into(),
            encoding: rows.kind,
            offset: offset.0,
            persisted,
            kind: reason.kind(),
            reason: reason.to_string().into(),
            code: reason.code().map(ServerCode::code),
            state: reason.code().and_then(ServerCode::state),
            row: BASE64_STANDARD.encode(&bytes).into(),
            json: json.as_deref().and_then(|json| serde_json::from_str(json).ok()),
        };
        serde_json::to_writer(&mut out, &line)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// JSON text without line breaks, which can only occur between tokens.
fn on_one_line(json: &str) -> Cow<'_, str> {
    if json.contains(['\n', '\r']) { json.replace(['\n', '\r'], " ").into() } else { json.into() }
}

/// Reads every line.
pub(super) fn read(input: impl io::BufRead) -> Result<Undelivered, Error> {
    let mut found: Option<Undelivered> = None;
    for (number, line) in (1..).zip(input.lines()) {
        let line = line.map_err(|source| Fault::Undelivered { line: number, problem: source.to_string() })?;
        if !line.trim().is_empty() {
            take_line(&mut found, &line).map_err(|problem| Fault::Undelivered { line: number, problem })?;
        }
    }
    found.ok_or_else(|| Fault::Undelivered { line: 1, problem: "there is no row".to_owned() }.into())
}

/// Adds the row of one line.
fn take_line(found: &mut Option<Undelivered>, line: &str) -> Result<(), String> {
    let line: Line<'_> = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let bytes = BASE64_STANDARD.decode(line.row.as_bytes()).map_err(|error| format!("`row` is no base64: {error}"))?;
    let rows = found.get_or_insert_with(|| Undelivered {
        table: line.table.clone().into_owned(),
        kind: line.encoding,
        parts: VecDeque::new(),
    });
    if rows.table != line.table || rows.kind != line.encoding {
        let (encoding, table) = (rows.kind.name(), &rows.table);
        return Err(format!("a {} row for {}, after rows in {encoding} for {table}", line.encoding.name(), line.table));
    }
    let code = line.code.map(|code| ServerCode::recorded(code, line.state));
    let reason = Fault::Recorded { kind: line.kind, text: line.reason.into_owned(), code };
    rows.parts.push_back(part_of(UndeliveredRow {
        offset: Offset(line.offset),
        bytes: bytes.into(),
        persisted: line.persisted,
        reason: reason.into(),
    }));
    Ok(())
}
