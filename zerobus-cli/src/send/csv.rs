//! Reads CSV: a header with column names, then one row per record. Cells may contain line ends.

use std::io::{self, BufRead as _, BufReader, Cursor, Read as _};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::checksum::Checksum;
use super::piece::{Flow, Rows, Target};
use super::records::{Record, Records, Texts};
use super::source::{LONGEST, PIECE, Source};
use crate::failure::Failure;

/// The delimiters that are detected if none is given.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// Reads a file to its end; without a delimiter, the header decides.
pub(super) fn read(file: Source, delimiter: Option<u8>, target: &Target<'_>) -> Result<Flow, Failure> {
    let (first, file) = first_line(file).map_err(|error| Failure::new("it cannot be read", error))?;
    let delimiter = delimiter.unwrap_or_else(|| likely_delimiter(&first));
    let mut reading = Reading::new(Box::new(Cursor::new(first).chain(file)), delimiter);
    if target.send(Rows::Header(reading.header()?), 0) == Flow::Stopped {
        return Ok(Flow::Stopped);
    }
    let mut rows = 0;
    loop {
        match reading.next() {
            Ok(Next::Row) => {
                rows += 1;
                reading.end_row(|row| target.done.lacks(rows, || Checksum::of(&row.joined())));
            }
            Ok(Next::Wait) => {
                if reading.send(target, rows) == Flow::Stopped {
                    return Ok(Flow::Stopped);
                }
            }
            Ok(Next::End) => {
                let flow = reading.send(target, rows);
                return target.check_count(rows).map(|()| flow);
            }
            Err(error) => {
                // The rows before the unreadable part are sent.
                reading.send(target, rows);
                return Err(Failure::new(format_args!("line {} cannot be read", reading.line), error));
            }
        }
    }
}

/// The state of a file that is being read.
struct Reading {
    file: Source,
    /// Whether the end of the file was read.
    is_over: bool,
    parser: Reader,
    /// The rows that were read and not sent yet, and the part of the next row that was read.
    records: Records,
    line_ends: LineEnds,
    /// The line on which the next row begins.
    line: u64,
    /// How many bytes of the next row were read so far.
    length: usize,
    /// The last row, if the file ends with it and without a line end.
    open: Option<Checksum>,
}

/// The result of reading on.
enum Next {
    End,
    /// A complete row.
    Row,
    /// The next read may block, and there are rows to send first.
    Wait,
}

impl Reading {
    fn new(file: Box<dyn io::Read>, delimiter: u8) -> Self {
        let parser = ReaderBuilder::new().delimiter(delimiter).build();
        let file = BufReader::with_capacity(PIECE, file);
        Self {
            file,
            is_over: false,
            parser,
            records: Records::default(),
            line_ends: LineEnds::default(),
            line: 1,
            length: 0,
            open: None,
        }
    }

    /// The names in the first row.
    fn header(&mut self) -> Result<Vec<String>, Failure> {
        let unreadable = "its header cannot be read";
        if let Next::Row = self.next().map_err(|error| Failure::new(unreadable, error))? {
            self.end_row(|_| true);
        }
        let header = self.records.take_whole(Records::default());
        let mut texts = Texts::default();
        for record in header.iter() {
            texts.add(record, None).map_err(|reason| Failure::text(format!("{unreadable}: {reason}")))?;
        }
        let names = texts.rows().flatten().map(|name| name.unwrap_or_default().trim().to_owned()).collect::<Vec<_>>();
        if names.is_empty() {
            return Err(Failure::text("it has no header with the names of the columns"));
        }
        Ok(names)
    }

    /// Reads to the end of the next row, which `end_row` then keeps or drops.
    fn next(&mut self) -> io::Result<Next> {
        loop {
            // A pipe may deliver its next rows much later; the rows at hand are not held back until then.
            if self.file.buffer().is_empty() && self.records.has_rows() {
                return Ok(Next::Wait);
            }
            if self.length == 0 {
                self.line = self.line_ends.count + 1;
            }
            // If the file grows from here on, that does not continue its last row.
            self.is_over = self.is_over || self.file.fill_buf()?.is_empty();
            // The parser takes the end of the file for the end of any row, but a line end for text within quotes.
            let is_last = self.is_over && self.length > 0;
            let part = if is_last { b"\n" } else { self.file.buffer() };
            // Empty lines are not rows. The parser would skip them too, but as a part of the next row.
            let line_ends = part.iter().take_while(|byte| self.length == 0 && matches!(byte, b'\r' | b'\n')).count();
            if line_ends > 0 {
                self.line_ends.add(&part[..line_ends]);
                self.file.consume(line_ends);
                continue;
            }
            let (bytes, ends) = self.records.room();
            let (result, read, bytes, ends) = self.parser.read_record(part, bytes, ends);
            if !is_last {
                self.line_ends.add(&part[..read]);
                self.file.consume(read);
            }
            self.records.extend(bytes, ends);
            self.length += read;
            match result {
                ReadRecordResult::End => return Ok(Next::End),
                ReadRecordResult::InputEmpty if is_last => {
                    return Err(io::Error::other("one of its quotes is never closed"));
                }
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputEndsFull => self.records.grow_ends(),
                ReadRecordResult::OutputFull => self.records.grow_bytes(),
                ReadRecordResult::Record => return Ok(Next::Row),
            }
            // An unclosed quote would turn the rest of the file into one cell.
            if self.length > LONGEST {
                return Err(io::Error::other(format!(
                    "found a row above {LONGEST} bytes; is one of its quotes never closed?"
                )));
            }
        }
    }

    /// Keeps the row that was read, or drops it.
    fn end_row(&mut self, is_kept: impl FnOnce(Record<'_>) -> bool) {
        let row = self.records.next(self.line);
        // The end of the file ended it.
        let open = self.is_over.then(|| Checksum::of(&row.joined()));
        if is_kept(row) {
            self.open = open;
            self.records.keep_row(self.line);
        } else {
            self.records.drop_row();
        }
        self.length = 0;
    }

    /// Sends the complete rows; `rows` is how many rows of the file were read so far.
    fn send(&mut self, target: &Target<'_>, rows: u64) -> Flow {
        if !self.records.has_rows() {
            return Flow::Goes;
        }
        let spare = match target.spare() {
            Some(Rows::Cells(records)) => records,
            _ => Records::default(),
        };
        target.send_open(Rows::Cells(self.records.take_whole(spare)), rows, self.open)
    }
}

/// The line ends that were read: CR LF, LF or CR, in cells as well.
#[derive(Debug, Default)]
struct LineEnds {
    count: u64,
    /// Whether the last byte was CR: an LF that follows belongs to it.
    is_after_cr: bool,
}

impl LineEnds {
    /// Counts those in the next bytes of the file.
    fn add(&mut self, bytes: &[u8]) {
        for place in memchr::memchr2_iter(b'\r', b'\n', bytes) {
            let is_after_cr = place.checked_sub(1).map_or(self.is_after_cr, |before| bytes[before] == b'\r');
            self.count += u64::from(bytes[place] == b'\r' || !is_after_cr);
        }
        self.is_after_cr = bytes.last().map_or(self.is_after_cr, |last| *last == b'\r');
    }
}

/// The complete first line, even if a pipe delivers it in parts, and the rest of the file.
fn first_line(mut file: Source) -> io::Result<(Vec<u8>, Source)> {
    let mut first = Vec::new();
    while first.len() < LONGEST {
        let part = match file.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            part => part?,
        };
        let end = memchr::memchr2(b'\r', b'\n', part);
        let read = end.map_or(part.len(), |end| end + 1);
        first.extend(&part[..read]);
        file.consume(read);
        if end.is_some() || read == 0 {
            break;
        }
    }
    Ok((first, file))
}

/// The delimiter that occurs most often in the first line, outside of quotes.
fn likely_delimiter(start: &[u8]) -> u8 {
    let mut counts = [0_usize; DELIMITERS.len()];
    let mut is_quoted = false;
    for byte in start {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\r' | b'\n' if !is_quoted => break,
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
            ("a;b\r1,1,1,1;2\r", b';'),
            ("only", b','),
            ("", b','),
        ] {
            assert_eq!(likely_delimiter(header.as_bytes()), delimiter, "{header:?}");
        }
    }

    /// A pipe that delivers a file in parts of this many bytes.
    struct Parts(&'static [u8], usize);

    impl io::Read for Parts {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = self.1.min(buffer.len());
            self.0.read(&mut buffer[..most])
        }
    }

    /// The line of a row, and its cells or the reason why they cannot be read.
    type Row = (u64, Result<Vec<Option<String>>, String>);

    /// The header and the rows after it.
    fn rows(file: Parts) -> (Vec<String>, Vec<Row>) {
        let mut reading = Reading::new(Box::new(file), b',');
        let header = reading.header().unwrap();
        let (mut rows, mut whole) = (Vec::new(), Records::default());
        loop {
            let next = reading.next().unwrap();
            if let Next::Row = next {
                reading.end_row(|_| true);
                continue;
            }
            // The buffer is reused, as between reader and sender.
            whole = reading.records.take_whole(whole);
            let mut texts = Texts::default();
            for record in whole.iter() {
                let cells = texts.add(record, Some("NULL"));
                let owned = |texts: &[Option<&str>]| texts.iter().map(|text| text.map(str::to_owned)).collect();
                rows.push((record.line, cells.map(|()| owned(texts.rows().last().unwrap()))));
            }
            if let Next::End = next {
                return (header, rows);
            }
        }
    }

    #[test]
    fn rows_are_the_same_wherever_the_parts_of_a_file_end() {
        const FILE: &[u8] = b"a,b\r\n1,\"x, \"\"y\"\"\nz\"\r\n\r\n,NULL\n\"\xc3\xa4\",\xff\n\xc3,\xa4\nonly\n2,last";
        let cell = |text: &str| Some(text.to_owned());
        let expected = vec![
            (2, Ok(vec![cell("1"), cell("x, \"y\"\nz")])),
            (5, Ok(vec![None, None])),
            (6, Err("cell 2 is not UTF-8".to_owned())),
            (7, Err("cell 1 is not UTF-8".to_owned())),
            (8, Ok(vec![cell("only")])),
            (9, Ok(vec![cell("2"), cell("last")])),
        ];
        for part in 1..=FILE.len() {
            let (header, found) = rows(Parts(FILE, part));
            assert_eq!(header, ["a", "b"]);
            assert_eq!(found, expected, "parts of {part} bytes");
        }
    }

    #[test]
    fn lines_are_counted_with_any_line_end() {
        for (file, expected) in [
            ("a,b\n1,2\n\n3,\"x\ny\"\n5,6\n7,8", [2, 4, 6, 7]),
            ("a,b\r\n1,2\r\n\r\n3,\"x\r\ny\"\r\n5,6\r\n7,8", [2, 4, 6, 7]),
            ("a,b\r1,2\r\r3,\"x\ry\"\r5,6\r7,8", [2, 4, 6, 7]),
            ("a,b\r1,2\n\r3,\"x\n\ry\"\r\n5,6\n\n\r\r\n7,8", [2, 4, 7, 11]),
        ] {
            for part in 1..=file.len() {
                let (_, rows) = rows(Parts(file.as_bytes(), part));
                let lines: Vec<u64> = rows.iter().map(|(line, _)| *line).collect();
                assert_eq!(lines, expected, "{file:?} in parts of {part} bytes");
            }
        }
    }

    #[test]
    fn a_quote_that_is_open_at_the_end_of_the_file_is_an_error() {
        for (last, is_open) in [
            ("", false),
            ("2", false),
            ("2,", false),
            ("2,b\"", false),
            ("2,\"b\"", false),
            ("2,\"b\"\"\"", false),
            ("\"2", true),
            ("2,\"", true),
            ("2,\"b\n3,c\n", true),
            ("2,\"b\"\"", true),
        ] {
            let file: &'static str = format!("a,b\n1,\"x\"\n{last}").leak();
            for part in 1..=file.len() {
                let mut reading = Reading::new(Box::new(Parts(file.as_bytes(), part)), b',');
                reading.header().unwrap();
                let end = loop {
                    match reading.next() {
                        Ok(Next::Row) => reading.end_row(|_| true),
                        Ok(Next::Wait) => drop(reading.records.take_whole(Records::default())),
                        end => break end.map(drop).map_err(|error| (reading.line, error.to_string())),
                    }
                };
                let expected = (3, "one of its quotes is never closed".to_owned());
                assert_eq!(end, if is_open { Err(expected) } else { Ok(()) }, "{file:?} in parts of {part} bytes");
            }
        }
    }

    #[test]
    fn rows_of_any_width_and_length_are_read() {
        let long = "x".repeat(3 * PIECE);
        let wide = vec!["1"; 5_000].join(",");
        let file: &'static str = format!("a\n{long}\n{wide}\n{long}\n").leak();
        for part in [1_000, PIECE, usize::MAX] {
            let (_, found) = rows(Parts(file.as_bytes(), part));
            let widths: Vec<usize> = found.iter().map(|(_, cells)| cells.as_ref().unwrap().len()).collect();
            assert_eq!(widths, [1, 5_000, 1]);
            assert_eq!(found[0].1.as_ref().unwrap()[0].as_ref(), Some(&long));
        }
    }

    #[test]
    fn a_row_that_has_no_end_is_an_error_and_the_rows_before_it_are_kept() {
        let file = io::Cursor::new(b"a\n1\n\"".to_vec()).chain(io::repeat(b'x'));
        let mut reading = Reading::new(Box::new(file), b',');
        reading.header().unwrap();
        let error = loop {
            match reading.next() {
                Ok(Next::Row) => reading.end_row(|_| true),
                Ok(_) => assert_eq!(reading.records.take_whole(Records::default()).len(), 1),
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.contains("never closed"), "{error}");
        // The same holds for a row of nothing but commas, which has no text.
        let mut reading = Reading::new(Box::new(io::Cursor::new(b"a\n").chain(io::repeat(b','))), b',');
        reading.header().unwrap();
        assert!(reading.next().is_err());
    }
}
