//! NDJSON: a row a line; empty lines are none.

use std::io::{self, BufRead};

use super::reader::{Flow, LONGEST, PIECE, Rows, Source, Target};
use crate::failure::Failure;

/// Lines that stand one after the other.
#[derive(Debug, Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    /// Of each line its number in the file, and where it ends; a line that is too long has only its length.
    ends: Vec<(u64, End)>,
}

#[derive(Debug, Clone, Copy)]
enum End {
    At(usize),
    TooLong(u64),
}

/// A line of a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Line<'a> {
    Text(&'a [u8]),
    /// It had this many bytes, and was not kept.
    TooLong(u64),
}

impl Lines {
    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.ends.len()
    }

    /// The lines, with their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, Line<'_>)> {
        let mut start = 0;
        self.ends.iter().map(move |(number, end)| match *end {
            End::At(end) => {
                let line = &self.bytes[start..end];
                start = end;
                (*number, Line::Text(line))
            }
            End::TooLong(bytes) => (*number, Line::TooLong(bytes)),
        })
    }
}

/// Reads a file to its end.
pub(super) fn read(mut file: Source, target: &Target<'_>) -> Result<Flow, Failure> {
    if starts_with_an_array(&mut file)? {
        return Err(Failure::text(
            "it is a JSON array, and NDJSON has an object a line; `jq -c '.[]'` makes one of the other",
        ));
    }
    let mut lines = Lines::default();
    let (mut number, mut rows) = (0, 0);
    let ended = loop {
        let start = lines.bytes.len();
        let found = match line(&mut file, &mut lines.bytes) {
            Ok(found) => found,
            Err(error) => break Err(Failure::new(format_args!("line {} cannot be read", number + 1), error)),
        };
        number += 1;
        let is_row = match found {
            Found::End => break target.check_count(rows),
            Found::Line => !lines.bytes[start..].trim_ascii().is_empty(),
            Found::TooLong(_) => true,
        };
        rows += u64::from(is_row);
        if !is_row || rows <= target.skip {
            lines.bytes.truncate(start);
            continue;
        }
        lines.ends.push((
            number,
            if let Found::TooLong(bytes) = found { End::TooLong(bytes) } else { End::At(lines.bytes.len()) },
        ));
        // Whoever waits at a pipe's other end is not kept waiting for a full piece.
        let is_full = lines.bytes.len() >= PIECE || !file.buffer().contains(&b'\n');
        if is_full && target.send(Rows::Lines(std::mem::take(&mut lines)), rows) == Flow::Stopped {
            return Ok(Flow::Stopped);
        }
    };
    // The rows before what cannot be read are sent.
    let flow = if lines.ends.is_empty() { Flow::Goes } else { target.send(Rows::Lines(lines), rows) };
    ended.map(|()| flow)
}

/// Whether what is at hand of the file begins as an array; no row does.
fn starts_with_an_array(file: &mut Source) -> Result<bool, Failure> {
    let start = file.fill_buf().map_err(|error| Failure::new("it cannot be read", error))?;
    Ok(start.trim_ascii_start().first() == Some(&b'['))
}

enum Found {
    End,
    Line,
    TooLong(u64),
}

/// Appends the next line, without its end.
fn line(file: &mut Source, out: &mut Vec<u8>) -> io::Result<Found> {
    let start = out.len();
    let mut length = 0_u64;
    loop {
        let buffer = file.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        length += part.len() as u64;
        if out.len() - start <= LONGEST {
            out.extend_from_slice(part);
        }
        let used = part.len() + usize::from(end.is_some());
        file.consume(used);
        if end.is_some() {
            return Ok(ended(out, start, length));
        }
    }
    Ok(if length == 0 { Found::End } else { ended(out, start, length) })
}

fn ended(out: &mut Vec<u8>, start: usize, length: u64) -> Found {
    if length > LONGEST as u64 {
        out.truncate(start);
        out.shrink_to(PIECE);
        return Found::TooLong(length);
    }
    Found::Line
}
