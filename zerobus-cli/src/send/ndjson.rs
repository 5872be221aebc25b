//! Reads NDJSON: one row per line; empty lines are not rows.

use std::io::{BufRead as _, Read};

use super::checkpoint::Done;
use super::checksum::Checksum;
use super::lines::Lines;
use super::piece::{Flow, Rows, Target};
use super::source::Source;
use crate::failure::Failure;

/// Reads a file to its end.
pub(super) fn read(mut file: Source, target: &Target<'_>) -> Result<Flow, Failure> {
    if starts_with_an_array(&mut file)? {
        return Err(Failure::text("it is a JSON array, and NDJSON has one object per line; `jq -c '.[]'` converts it"));
    }
    let mut reading = Reading::new(target.done);
    while reading.read(&mut file)? {
        // A pipe may deliver its next lines much later; the lines at hand are not held back until then.
        if reading.send(target) == Flow::Stopped {
            return Ok(Flow::Stopped);
        }
    }
    let flow = reading.send(target);
    target.check_count(reading.rows).map(|()| flow)
}

/// Whether the file starts with `[`, as a JSON array does and no row can.
fn starts_with_an_array(file: &mut Source) -> Result<bool, Failure> {
    let start = file.fill_buf().map_err(|error| Failure::new("it cannot be read", error))?;
    Ok(start.trim_ascii_start().first() == Some(&b'['))
}

/// The checksum of a row. White space around it may be a part of its line end.
fn checksum(line: &[u8]) -> Checksum {
    Checksum::of(line.trim_ascii())
}

/// The state of a file that is read in parts; a part may end within a line.
struct Reading {
    /// The lines that were read and not sent yet.
    lines: Lines,
    /// How many lines were read.
    number: u64,
    /// How many of these lines are rows.
    rows: u64,
    /// The rows to skip.
    done: Done,
    /// The last row, if the file ends with it and without a line end.
    open: Option<Checksum>,
}

impl Reading {
    fn new(done: Done) -> Self {
        Self { lines: Lines::default(), number: 0, rows: 0, done, open: None }
    }

    /// Reads the next part of the file, and returns `false` at its end.
    fn read(&mut self, file: &mut impl Read) -> Result<bool, Failure> {
        let read = self.lines.read(file);
        let read =
            read.map_err(|error| Failure::new(format_args!("line {} cannot be read", self.number + 1), error))?;
        while self.lines.find_end() {
            self.end_line();
        }
        // The last line may lack a line end.
        if read == 0 && self.lines.has_begun() {
            let open = self.lines.next_text().map(checksum);
            let is_kept = self.end_line();
            self.open = open.filter(|_| is_kept);
        }
        Ok(read > 0)
    }

    /// Keeps the next line, which is complete, if it is a row to send. Returns whether it is.
    fn end_line(&mut self) -> bool {
        let is_row = !self.lines.is_blank();
        self.number += 1;
        self.rows += u64::from(is_row);
        let is_kept = is_row && self.done.lacks(self.rows, || checksum(self.lines.next_text().unwrap_or_default()));
        if is_kept {
            self.lines.keep(self.number);
        } else {
            self.lines.forget();
        }
        is_kept
    }

    /// Sends the complete lines.
    fn send(&mut self, target: &Target<'_>) -> Flow {
        if self.lines.len() == 0 {
            self.lines.make_room();
            return Flow::Goes;
        }
        let spare = match target.spare() {
            Some(Rows::Lines(lines)) => lines,
            _ => Lines::default(),
        };
        target.send_open(Rows::Lines(self.lines.take_whole(spare)), self.rows, self.open)
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

    /// Reads a file in parts of this many bytes, and returns the numbers and texts of its rows.
    fn read(file: &[u8], part: usize, skip: u64) -> Vec<(u64, Option<Vec<u8>>)> {
        let done = Done { rows: skip, open: None };
        let (mut reading, mut spare, mut rows) = (Reading::new(done), Lines::default(), Vec::new());
        for mut part in file.chunks(part).chain([&[][..]]) {
            let is_end = part.is_empty();
            assert_eq!(reading.read(&mut part).unwrap(), !is_end);
            if reading.lines.len() == 0 {
                reading.lines.make_room();
                continue;
            }
            // The buffer is reused, as between reader and sender.
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
        assert_eq!(read(&file, PIECE, 0), [(1, None)]);
        file.extend(b"\nshort\n");
        assert_eq!(read(&file, PIECE, 0), [(1, None), (2, Some(b"short".to_vec()))]);
        file.remove(0);
        assert_eq!(read(&file, PIECE, 1), [(2, Some(b"short".to_vec()))]);
        assert!(read(&file, PIECE, 0)[0].1.is_some());
    }
}
