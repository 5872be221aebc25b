//! CSV: a header of column names, then a row of cells a record; cells may hold line ends.

use std::io::{self, BufRead as _, BufReader, Cursor, Read as _};

use super::reader::{Flow, LONGEST, PIECE, Rows, Source, Target};
use crate::failure::Failure;

/// The cells of one row, with the line where it begins.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) line: u64,
    /// None is NULL. A cell that is no UTF-8 is an error of the row.
    pub(super) cells: Result<Vec<Option<String>>, String>,
}

/// What may stand between two cells where nothing else is named.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// Reads a file to its end, with what stands between cells and what is NULL.
pub(super) fn read(
    file: Source,
    (delimiter, null): (Option<u8>, Option<&str>),
    target: &Target<'_>,
) -> Result<Flow, Failure> {
    let (first, file) = first_line(file).map_err(|error| Failure::new("it cannot be read", error))?;
    let delimiter = delimiter.unwrap_or_else(|| likely_delimiter(&first));
    let file: Source = BufReader::with_capacity(PIECE, Box::new(Cursor::new(first).chain(file)));
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
    while reader.read_byte_record(&mut record).map_err(|error| Failure::new("it cannot be read", error))? {
        rows += 1;
        if rows <= target.skip {
            continue;
        }
        bytes += record.as_slice().len();
        let line = record.position().map_or(0, csv::Position::line);
        records.push(Record { line, cells: cells(&record, null) });
        let is_full = bytes >= PIECE || !reader.get_ref().buffer().contains(&b'\n');
        if is_full && !records.is_empty() {
            bytes = 0;
            if target.send(Rows::Cells(std::mem::take(&mut records)), rows) == Flow::Stopped {
                return Ok(Flow::Stopped);
            }
        }
    }
    target.check_count(rows)?;
    if records.is_empty() { Ok(Flow::Goes) } else { Ok(target.send(Rows::Cells(records), rows)) }
}

/// The first line, however little of it a pipe gives at once, and what follows it.
fn first_line(mut file: Source) -> io::Result<(Vec<u8>, Source)> {
    let mut first = Vec::new();
    file.by_ref().take(LONGEST as u64).read_until(b'\n', &mut first)?;
    Ok((first, file))
}

fn cells(record: &csv::ByteRecord, null: Option<&str>) -> Result<Vec<Option<String>>, String> {
    let cell = |(place, bytes): (usize, &[u8])| match str::from_utf8(bytes) {
        Ok("") => Ok(None),
        Ok(text) if Some(text) == null => Ok(None),
        Ok(text) => Ok(Some(text.to_owned())),
        Err(_) => Err(format!("cell {} is not UTF-8", place + 1)),
    };
    record.iter().enumerate().map(cell).collect()
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
