//! Text cells into a row, as from a CSV file: the header says once which column each cell belongs to.

use serde_json::Value;
use zerobus_codegen::Scalar;

use super::kept::{self, Kept};
use super::plan::{Seen, Shape, missing};
use super::problem::quoted;
use super::{DynamicRow, RowPlan, RowProblem, Source, UnknownColumns, json, scalar};
use crate::message::Encoder;

/// The columns of a header.
#[derive(Debug)]
pub struct CellColumns<'p> {
    plan: &'p RowPlan,
    /// The index of each cell's column; none for a cell that is left out.
    places: Vec<Option<usize>>,
}

impl<'p> CellColumns<'p> {
    pub(super) fn new<S: AsRef<str>>(
        plan: &'p RowPlan,
        header: impl IntoIterator<Item = S>,
    ) -> Result<Self, RowProblem> {
        let mut seen = Seen::default();
        let mut places = Vec::new();
        for (guess, name) in header.into_iter().enumerate() {
            let place = plan.row.find(name.as_ref(), guess);
            match place {
                None if plan.options.unknown == UnknownColumns::Refuse => return Err(unknown(plan, name.as_ref())),
                Some(place) if !seen.mark(place) => {
                    let mut problem = RowProblem::new("it twice in the header", "each column once");
                    problem.leave(name.as_ref());
                    return Err(problem);
                }
                _ => places.push(place),
            }
        }
        plan.row.check_complete(&seen)?;
        Ok(Self { plan, places })
    }

    /// A row of these cells, in the header's order; `None` is NULL.
    ///
    /// In a NOT NULL text column `None` is the empty text, since most cell formats do not distinguish the two.
    #[must_use]
    pub const fn row<'a>(&'a self, cells: &'a [Option<&'a str>]) -> DynamicRow<'a> {
        DynamicRow { plan: self.plan, source: Source::Cells(self, cells) }
    }

    /// The row of these cells as JSON.
    pub(super) fn json(&self, cells: &[Option<&str>]) -> Kept {
        // Which cell belongs to which column is not known.
        if cells.len() != self.places.len() {
            let text = cells.iter().map(|cell| cell.map(Value::from)).collect::<Value>().to_string();
            return Kept { text: text.into_bytes(), is_whole: false };
        }
        let mut is_whole = true;
        let mut fields = Vec::with_capacity(cells.len());
        for (cell, place) in cells.iter().zip(&self.places) {
            let Some(column) = place.map(|place| &self.plan.row.columns[place]) else { continue };
            let Some(text) = cell.or((!column.slot.nullable && column.slot.shape.is_text()).then_some("")) else {
                continue;
            };
            let value = match column.slot.shape {
                Shape::Scalar(Scalar::Variant) | Shape::List(_) | Shape::Map(..) | Shape::Struct(_) => {
                    kept::nested(text, &mut is_whole)
                }
                Shape::Scalar(scalar) => {
                    is_whole &= !scalar::has_other_mark(scalar, text, self.plan.options);
                    kept::string(&scalar::plain(scalar, text, self.plan.options))
                }
            };
            fields.push((&column.name, value));
        }
        Kept { text: kept::object(fields).into_bytes(), is_whole }
    }

    pub(super) fn write(&self, cells: &[Option<&str>], out: &mut Encoder) -> Result<(), RowProblem> {
        if cells.len() != self.places.len() {
            let expected = format!("{}, as the header has", self.places.len());
            return Err(RowProblem::new(format!("{} cells", cells.len()), expected));
        }
        for (cell, place) in cells.iter().zip(&self.places) {
            let Some(column) = place.map(|place| &self.plan.row.columns[place]) else { continue };
            let text = match cell {
                Some(text) => text,
                None if column.slot.nullable => continue,
                None if column.slot.shape.is_text() => "",
                None => return Err(missing(column)),
            };
            let written = match column.slot.shape {
                Shape::Scalar(Scalar::Variant) | Shape::List(_) | Shape::Map(..) | Shape::Struct(_) => {
                    json::write_cell(self.plan, &column.slot, text, out)
                }
                Shape::Scalar(scalar) => scalar::cell(scalar, column.slot.number, text, self.plan.options, out),
            };
            written.map_err(|mut problem| {
                problem.leave(&column.name);
                problem
            })?;
        }
        Ok(())
    }
}

#[cold]
fn unknown(plan: &RowPlan, name: &str) -> RowProblem {
    let expected = match plan.row.likely(name) {
        Some(likely) => format!("names of the table's columns; `{likely}` is one"),
        None => "names of the table's columns".to_owned(),
    };
    RowProblem::new(format!("{} in the header", quoted(name)), expected)
}
