//! CSV records: rows of cells that share one buffer.

use super::source::PIECE;

/// Complete rows, followed by the row that is being read.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// The text of the cells, and room for more.
    bytes: Vec<u8>,
    /// The end of each cell, relative to the start of its row, and room for more.
    ends: Vec<usize>,
    rows: Vec<Row>,
    /// How much of both is in use.
    used: Used,
}

/// How much of the bytes and of the ends is in use.
#[derive(Debug, Default, Clone, Copy)]
struct Used {
    bytes: usize,
    ends: usize,
}

#[derive(Debug)]
struct Row {
    /// The line of the file where the row begins.
    line: u64,
    /// How much is in use up to the end of the row.
    end: Used,
}

/// The cells of some rows as text; `None` is NULL.
#[derive(Debug, Default)]
pub(super) struct Texts<'a> {
    cells: Vec<Option<&'a str>>,
    /// The end of each row in `cells`.
    ends: Vec<usize>,
}

/// The cells of one row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) line: u64,
    bytes: &'a [u8],
    ends: &'a [usize],
}

impl Records {
    pub(super) const fn has_rows(&self) -> bool {
        !self.rows.is_empty()
    }

    /// The number of complete rows.
    pub(super) const fn len(&self) -> usize {
        self.rows.len()
    }

    /// The free space for the row that is being read: bytes, and the ends of cells.
    pub(super) fn room(&mut self) -> (&mut [u8], &mut [usize]) {
        (&mut self.bytes[self.used.bytes..], &mut self.ends[self.used.ends..])
    }

    /// Marks this much of the free space as used.
    pub(super) const fn extend(&mut self, bytes: usize, ends: usize) {
        self.used.bytes += bytes;
        self.used.ends += ends;
    }

    /// Makes room for more bytes.
    pub(super) fn grow_bytes(&mut self) {
        self.bytes.resize((2 * self.bytes.len()).max(PIECE), 0);
    }

    /// Makes room for the ends of more cells.
    pub(super) fn grow_ends(&mut self) {
        self.ends.resize((2 * self.ends.len()).max(1024), 0);
    }

    /// The row that was read, which begins on this line.
    pub(super) fn next(&self, line: u64) -> Record<'_> {
        let begin = self.end_of_rows();
        let (bytes, ends) = (&self.bytes[begin.bytes..self.used.bytes], &self.ends[begin.ends..self.used.ends]);
        Record { line, bytes, ends }
    }

    /// Adds the row that was read, which is complete.
    pub(super) fn keep_row(&mut self, line: u64) {
        self.rows.push(Row { line, end: self.used });
    }

    /// Discards the row that was read.
    pub(super) fn drop_row(&mut self) {
        self.used = self.end_of_rows();
    }

    /// Returns the complete rows. The row that is being read moves to the spare buffers.
    pub(super) fn take_whole(&mut self, spare: Self) -> Self {
        let end = self.end_of_rows();
        let (bytes, ends) = (&self.bytes[end.bytes..self.used.bytes], &self.ends[end.ends..self.used.ends]);
        let mut next = if spare.is_large() { Self::default() } else { spare };
        next.rows.clear();
        next.used = Used { bytes: bytes.len(), ends: ends.len() };
        next.bytes.resize(next.bytes.len().max(bytes.len()), 0);
        next.ends.resize(next.ends.len().max(ends.len()), 0);
        next.bytes[..bytes.len()].copy_from_slice(bytes);
        next.ends[..ends.len()].copy_from_slice(ends);
        std::mem::replace(self, next)
    }

    /// Whether a single row made the buffers so large that they are not reused.
    const fn is_large(&self) -> bool {
        self.bytes.len() > 4 * PIECE || self.ends.len() > PIECE
    }

    /// The complete rows.
    pub(super) fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        let mut start = Used::default();
        self.rows.iter().map(move |row| {
            let begin = std::mem::replace(&mut start, row.end);
            let (bytes, ends) = (&self.bytes[begin.bytes..row.end.bytes], &self.ends[begin.ends..row.end.ends]);
            Record { line: row.line, bytes, ends }
        })
    }

    fn end_of_rows(&self) -> Used {
        self.rows.last().map_or_else(Used::default, |row| row.end)
    }
}

impl Record<'_> {
    /// The cells as they are, with commas between them.
    pub(super) fn joined(&self) -> Vec<u8> {
        let starts = std::iter::once(&0).chain(self.ends);
        let cells: Vec<&[u8]> = starts.zip(self.ends).map(|(start, end)| &self.bytes[*start..*end]).collect();
        cells.join(&b',')
    }
}

impl<'a> Texts<'a> {
    /// Adds a row; cells that are empty or equal to `null` are NULL.
    ///
    /// # Errors
    /// If a cell is not UTF-8; then the row is not added.
    pub(super) fn add(&mut self, record: Record<'a>, null: Option<&str>) -> Result<(), String> {
        let start = self.cells.len();
        let added = record.add_to(&mut self.cells, null);
        match added {
            Ok(()) => self.ends.push(self.cells.len()),
            Err(_) => self.cells.truncate(start),
        }
        added
    }

    /// The number of rows.
    pub(super) const fn len(&self) -> usize {
        self.ends.len()
    }

    /// The cells of each row.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[Option<&'a str>]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.cells[start..*end])
    }

    pub(super) fn clear(&mut self) {
        self.cells.clear();
        self.ends.clear();
    }
}

impl<'a> Record<'a> {
    fn add_to(self, texts: &mut Vec<Option<&'a str>>, null: Option<&str>) -> Result<(), String> {
        // Checking the row once is cheaper than checking each cell, but does not show which cell is wrong.
        let row = str::from_utf8(self.bytes).ok();
        let mut start = 0;
        for (place, end) in self.ends.iter().enumerate() {
            let cell = match row {
                Some(row) => row.get(start..*end),
                None => str::from_utf8(&self.bytes[start..*end]).ok(),
            };
            let Some(cell) = cell else { return Err(format!("cell {} is not UTF-8", place + 1)) };
            texts.push((!cell.is_empty() && Some(cell) != null).then_some(cell));
            start = *end;
        }
        Ok(())
    }
}
