//! Facts about the rows in the table, read back from its Delta files after the stream was closed.

use std::fmt::{self, Display};

use serde_json::Value;
use zerobus_runtime::Timestamp;

use crate::Failure;

/// A few facts computed from the rows of the table.
pub(crate) struct Facts {
    rows: usize,
    first: Timestamp,
    last: Timestamp,
    strongest: Quake,
}

struct Quake {
    magnitude: f64,
    place: String,
    time: Timestamp,
}

impl Facts {
    /// Computes the facts of the rows, as the emulator reads them back.
    pub(crate) fn of(rows: &[Value]) -> Result<Self, Failure> {
        let times = rows.iter().map(time).collect::<Result<Vec<_>, _>>()?;
        let strongest = rows
            .iter()
            .filter_map(|row| Some((row["mag"].as_f64()?, row)))
            .max_by(|(a, _), (b, _)| a.total_cmp(b))
            .ok_or("the table holds no quake with a magnitude")?;
        Ok(Self {
            rows: rows.len(),
            first: times.iter().min().copied().ok_or("the table is empty")?,
            last: times.iter().max().copied().ok_or("the table is empty")?,
            strongest: Quake {
                magnitude: strongest.0,
                place: strongest.1["place"].as_str().unwrap_or("an unnamed place").to_owned(),
                time: time(strongest.1)?,
            },
        })
    }
}

fn time(row: &Value) -> Result<Timestamp, Failure> {
    let micros = row["time"].as_i64().ok_or("a row of the table has no time")?;
    Ok(Timestamp::from_micros(micros)?)
}

impl Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "rows in the table  {}", self.rows)?;
        writeln!(f, "first time         {}", self.first)?;
        writeln!(f, "last time          {}", self.last)?;
        let Quake { magnitude, place, time } = &self.strongest;
        write!(f, "strongest quake    magnitude {magnitude}, {place}, {time}")
    }
}
