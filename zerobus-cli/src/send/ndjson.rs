//! NDJSON: a row a line; empty lines are none.

use std::io::BufRead as _;

use super::lines::Lines;
use super::piece::{Flow, Rows, Target};
use super::source::Source;
use crate::failure::Failure;

/// Reads a file to its end.
pub(super) fn read(mut file: Source, target: &Target<'_>) -> Result<Flow, Failure> {
    if starts_with_an_array(&mut file)? {
        return Err(Failure::text(
            "it is a JSON array, and NDJSON has an object a line; `jq -c '.[]'` makes one of the other",
        ));
    }
    let mut reading = Reading::new(target.skip);
    loop {
        let part = match file.fill_buf() {
            Ok(part) => part,
            Err(error) => return Err(Failure::new(format_args!("line {} cannot be read", reading.number + 1), error)),
        };
        if part.is_empty() {
            break;
        }
        let length = part.len();
        reading.take(part);
        file.consume(length);
        // Whoever waits at a pipe's other end is not kept waiting for more lines.
        if reading.send(target) == Flow::Stopped {
            return Ok(Flow::Stopped);
        }
    }
    reading.end();
    let flow = reading.send(target);
    target.check_count(reading.rows).map(|()| flow)
}

/// Whether what is at hand of the file begins as an array; no row does.
fn starts_with_an_array(file: &mut Source) -> Result<bool, Failure> {
    let start = file.fill_buf().map_err(|error| Failure::new("it cannot be read", error))?;
    Ok(start.trim_ascii_start().first() == Some(&b'['))
}

/// A file that is read in parts, which end anywhere.
struct Reading {
    /// The lines that were read and not sent.
    lines: Lines,
    /// How many lines were read.
    number: u64,
    /// How many of them are rows.
    rows: u64,
    /// How many rows are left out.
    skip: u64,
}

impl Reading {
    fn new(skip: u64) -> Self {
        Self { lines: Lines::default(), number: 0, rows: 0, skip }
    }

    fn take(&mut self, part: &[u8]) {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', part) {
            self.lines.append(&part[start..end]);
            self.end_line();
            start = end + 1;
        }
        self.lines.append(&part[start..]);
    }

    /// The next line is whole.
    fn end_line(&mut self) {
        let is_row = !self.lines.is_blank();
        self.number += 1;
        self.rows += u64::from(is_row);
        if is_row && self.rows > self.skip {
            self.lines.keep(self.number);
        } else {
            self.lines.forget();
        }
    }

    /// The file is at its end; its last line may have none.
    fn end(&mut self) {
        if self.lines.has_begun() {
            self.end_line();
        }
    }

    /// Sends the lines that are whole.
    fn send(&mut self, target: &Target<'_>) -> Flow {
        if self.lines.len() == 0 {
            return Flow::Goes;
        }
        target.send(Rows::Lines(self.lines.take_whole()), self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send::lines::Line;
    use crate::send::source::{LONGEST, PIECE};

    /// The numbers and texts of the rows of a file that is read in parts of this many bytes.
    fn read(file: &[u8], part: usize, skip: u64) -> Vec<(u64, Option<Vec<u8>>)> {
        let mut reading = Reading::new(skip);
        file.chunks(part).for_each(|part| reading.take(part));
        reading.end();
        let text = |line| if let Line::Text(text) = line { Some(text.to_vec()) } else { None };
        reading.lines.iter().map(|(number, line)| (number, text(line))).collect()
    }

    #[test]
    fn lines_are_the_same_wherever_the_parts_of_a_file_end() {
        let file = b"{\"a\":1}\n\n{}\r\n  \r\n[1]\nlast";
        let rows = [(1, b"{\"a\":1}".to_vec()), (3, b"{}\r".to_vec()), (5, b"[1]".to_vec()), (6, b"last".to_vec())];
        let rows = rows.map(|(number, text)| (number, Some(text)));
        for part in 1..=file.len() {
            for skip in 0..=rows.len() {
                assert_eq!(read(file, part, skip as u64), rows[skip..], "parts of {part} bytes");
            }
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_not_kept_and_counts() {
        let mut file = vec![b'x'; LONGEST + 1];
        file.extend(b"\nshort\n");
        assert_eq!(read(&file, PIECE, 0), [(1, None), (2, Some(b"short".to_vec()))]);
        file.remove(0);
        assert_eq!(read(&file, PIECE, 1), [(2, Some(b"short".to_vec()))]);
        assert!(read(&file, PIECE, 0)[0].1.is_some());
    }
}
