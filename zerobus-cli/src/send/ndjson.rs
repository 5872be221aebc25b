//! NDJSON: a row a line; empty lines are none.

use std::io::{BufRead as _, Read};

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
    while reading.read(&mut file)? {
        // Whoever waits at a pipe's other end is not kept waiting for more lines.
        if reading.send(target) == Flow::Stopped {
            return Ok(Flow::Stopped);
        }
    }
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

    /// Reads the next part of a file; whether it was not at its end.
    fn read(&mut self, file: &mut impl Read) -> Result<bool, Failure> {
        let read = self.lines.read(file);
        let read =
            read.map_err(|error| Failure::new(format_args!("line {} cannot be read", self.number + 1), error))?;
        while self.lines.find_end() {
            self.end_line();
        }
        // The last line may have no end.
        if read == 0 && self.lines.has_begun() {
            self.end_line();
        }
        Ok(read > 0)
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

    /// Sends the lines that are whole.
    fn send(&mut self, target: &Target<'_>) -> Flow {
        if self.lines.len() == 0 {
            self.lines.make_room();
            return Flow::Goes;
        }
        let spare = match target.spare() {
            Some(Rows::Lines(lines)) => lines,
            _ => Lines::default(),
        };
        target.send(Rows::Lines(self.lines.take_whole(spare)), self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send::lines::Line;
    use crate::send::source::{LONGEST, PIECE};

    fn text(line: Line<'_>) -> Option<Vec<u8>> {
        if let Line::Text(text) = line { Some(text.to_vec()) } else { None }
    }

    /// The numbers and texts of the rows of a file that is read in parts of this many bytes.
    fn read(file: &[u8], part: usize, skip: u64) -> Vec<(u64, Option<Vec<u8>>)> {
        let (mut reading, mut spare, mut rows) = (Reading::new(skip), Lines::default(), Vec::new());
        for mut part in file.chunks(part).chain([&[][..]]) {
            let is_end = part.is_empty();
            assert_eq!(reading.read(&mut part).unwrap(), !is_end);
            if reading.lines.len() == 0 {
                reading.lines.make_room();
                continue;
            }
            // As the reader and the sender pass buffers to each other.
            spare = reading.lines.take_whole(spare);
            rows.extend(spare.iter().map(|(number, line)| (number, text(line))));
        }
        rows
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
