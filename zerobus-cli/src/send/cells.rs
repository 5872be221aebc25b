//! CSV: a header of column names, then a row of cells a record; cells may hold line ends.

use std::io::{self, BufRead as _, BufReader, Cursor, Read as _};

use super::reader::{Flow, LONGEST, PIECE, Rows, Source, Target};
use crate::failure::Failure;

/// The cells of one row, with the line where it begins.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) line: u64,
    cells: csv::ByteRecord,
}

impl Record {
    /// The cells as text, of which `null` and the empty text are NULL.
    ///
    /// # Errors
    /// If a cell is not UTF-8.
    pub(super) fn texts(&self, null: Option<&str>) -> Result<Vec<Option<&str>>, String> {
        let text = |(place, bytes): (usize, _)| match str::from_utf8(bytes) {
            Ok("") => Ok(None),
            Ok(text) if Some(text) == null => Ok(None),
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(format!("cell {} is not UTF-8", place + 1)),
        };
        self.cells.iter().enumerate().map(text).collect()
    }
}

/// What may stand between two cells where nothing else is named.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// Reads a file to its end, with the separator of its cells.
pub(super) fn read(file: Source, delimiter: Option<u8>, target: &Target<'_>) -> Result<Flow, Failure> {
    let (first, file) = first_line(file).map_err(|error| Failure::new("it cannot be read", error))?;
    let delimiter = delimiter.unwrap_or_else(|| likely_delimiter(&first));
    let file =
        Fenced { inner: BufReader::with_capacity(PIECE, Box::new(Cursor::new(first).chain(file))), left: LONGEST };
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(file);
    let header = reader.headers().map_err(|error| Failure::new("its header cannot be read", error))?;
    let header: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
    if header.is_empty() {
        return Err(Failure::text("it has no header, which names the columns"));
    }
    if target.send(Rows::Header(header), 0) == Flow::Stopped {
        return Ok(Flow::Stopped);
    }
    let (mut records, mut bytes, mut rows) = (Vec::new(), 0, 0);
    let mut record = csv::ByteRecord::new();
    let ended = loop {
        reader.get_mut().left = LONGEST;
        let line = reader.position().line();
        match reader.read_byte_record(&mut record) {
            Ok(true) => rows += 1,
            Ok(false) => break target.check_count(rows),
            Err(error) => break Err(Failure::new(format_args!("line {line} cannot be read"), error)),
        }
        if rows <= target.skip {
            continue;
        }
        bytes += record.as_slice().len();
        let line = record.position().map_or(0, csv::Position::line);
        records.push(Record { line, cells: record.clone() });
        let is_full = bytes >= PIECE || !reader.get_ref().inner.buffer().contains(&b'\n');
        if is_full && !records.is_empty() {
            bytes = 0;
            if target.send(Rows::Cells(std::mem::take(&mut records)), rows) == Flow::Stopped {
                return Ok(Flow::Stopped);
            }
        }
    };
    // The rows before what cannot be read are sent.
    let flow = if records.is_empty() { Flow::Goes } else { target.send(Rows::Cells(records), rows) };
    ended.map(|()| flow)
}

/// A file that ends with an error where a row goes on for ever: a quote that nobody closes would take the rest of the file
/// for a cell.
struct Fenced {
    inner: Source,
    /// How many bytes may be read before the next row.
    left: usize,
}

impl io::Read for Fenced {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other(format!(
                "found a row above {LONGEST} bytes; is one of its quotes never closed?"
            )));
        }
        let most = buffer.len().min(self.left);
        let read = self.inner.read(&mut buffer[..most])?;
        self.left -= read;
        Ok(read)
    }
}

/// The first line, even if a pipe delivers it in pieces, and what follows it.
fn first_line(mut file: Source) -> io::Result<(Vec<u8>, Source)> {
    let mut first = Vec::new();
    file.by_ref().take(LONGEST as u64).read_until(b'\n', &mut first)?;
    Ok((first, file))
}

/// What the first line has most of, outside of quotes.
fn likely_delimiter(start: &[u8]) -> u8 {
    let mut counts = [0_usize; DELIMITERS.len()];
    let mut is_quoted = false;
    for byte in start {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' if !is_quoted => break,
            _ if is_quoted => {}
            byte => {
                if let Some(place) = DELIMITERS.iter().position(|delimiter| delimiter == byte) {
                    counts[place] += 1;
                }
            }
        }
    }
    let most = (0..DELIMITERS.len()).rev().max_by_key(|place| counts[*place]);
    most.map_or(b',', |place| DELIMITERS[place])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_what_the_header_has_most_of() {
        for (header, delimiter) in [
            ("a,b;c,d\n1;2;3;4;5", b','),
            ("a;b;c\n1,5;2,5;3,5", b';'),
            ("a\tb\n", b'\t'),
            ("\"a,b,c\"|d\n", b'|'),
            ("only", b','),
            ("", b','),
        ] {
            assert_eq!(likely_delimiter(header.as_bytes()), delimiter, "{header:?}");
        }
    }
}
