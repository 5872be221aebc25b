//! A column of CREATE TABLE or ALTER TABLE, and a constraint among the columns.
//!
//! ```text
//! column     := name type { property }
//! property   := NOT NULL | NULL | COLLATE name | COMMENT string | DEFAULT expression
//!             | GENERATED ALWAYS AS "(" expression ")"
//!             | GENERATED ( ALWAYS | BY DEFAULT ) AS IDENTITY [ "(" [ START WITH n ] [ INCREMENT BY n ] ")" ]
//!             | MASK name [ USING COLUMNS "(" any ")" ]
//!             | [ CONSTRAINT name ] ( PRIMARY KEY { option } | [ FOREIGN KEY ] references | check )
//! constraint := [ CONSTRAINT name ] ( PRIMARY KEY "(" key { "," key } ")" { option } | FOREIGN KEY names references
//!             | check | EXPECT "(" expression ")" [ ON VIOLATION ( DROP ROW | FAIL UPDATE ) ] )
//! key        := name [ TIMESERIES ] [ ASC | DESC ]
//! references := REFERENCES name [ names ] { option }
//! check      := CHECK "(" expression ")" { option }
//! option     := [ NOT ] ENFORCED | [ NOT ] DEFERRABLE | INITIALLY ( DEFERRED | IMMEDIATE ) | RELY | NORELY | MATCH FULL
//!             | ON ( UPDATE | DELETE ) NO ACTION
//! names      := "(" name { "," name } ")"
//! ```
//! No word is reserved: `check STRING` is a column, `check (…)` a constraint. The columns of a primary key are NOT
//! NULL.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::draft::{Column, Draft, PrimaryKey};
use super::lexer::text;
use super::problem::DdlProblem;
use crate::Scalar;
use crate::model::{ColumnSource, Name, SqlField, SqlType, resolve};

/// An item of a table's column list.
pub(super) enum Item {
    Column(Column),
    Constraint(Constraint),
}

/// A constraint, with the parts that matter here.
pub(super) enum Constraint {
    Check {
        name: Option<String>,
        expression: String,
    },
    /// A condition on rows that pass through a pipeline.
    Expectation,
    /// A foreign key with its columns.
    Foreign(Vec<Vec<String>>),
    PrimaryKey {
        name: Option<String>,
        columns: Vec<String>,
    },
}

impl Constraint {
    pub(super) fn apply(self, draft: &mut Draft) -> Result<(), String> {
        match self {
            Self::Check { name, expression } => draft.add_check(name, expression),
            Self::Expectation => Ok(()),
            Self::Foreign(columns) => {
                let missing = |reason| format!("the foreign key is invalid: {reason}");
                columns.iter().try_for_each(|column| draft.field_mut(column).map(drop).map_err(missing))
            }
            Self::PrimaryKey { name, columns } => {
                for (i, column) in columns.iter().enumerate() {
                    if columns[..i].iter().any(|known| known.eq_ignore_ascii_case(column)) {
                        return Err(format!("column {column} is in the primary key twice"));
                    }
                    draft.field_mut(std::slice::from_ref(column))?.nullable = false;
                }
                draft.set_primary_key(PrimaryKey(name))
            }
        }
    }
}

impl Cursor<'_, '_> {
    pub(super) fn item(&mut self) -> Result<Item, DdlProblem> {
        if self.begins_constraint() { self.constraint().map(Item::Constraint) } else { self.column().map(Item::Column) }
    }

    /// Whether a table constraint follows, and not a column with the name of one.
    pub(super) fn begins_constraint(&self) -> bool {
        const KINDS: &[&[&str]] = &[&["PRIMARY", "KEY"], &["FOREIGN", "KEY"], &["CHECK"], &["EXPECT"], &["UNIQUE"]];
        let kind = |cursor: &Self| {
            let mut cursor = cursor.clone();
            KINDS.iter().any(|kind| cursor.take(kind)) && cursor.token() == Some(&Token::LParen)
        };
        let mut named = self.clone();
        kind(self) || named.take(&["CONSTRAINT"]) && named.name("").is_ok() && kind(&named)
    }

    pub(super) fn constraint(&mut self) -> Result<Constraint, DdlProblem> {
        let name = if self.take(&["CONSTRAINT"]) { Some(self.name("the constraint's name")?) } else { None };
        if self.take(&["PRIMARY", "KEY"]) {
            let columns = self.key_columns()?;
            self.options()?;
            return Ok(Constraint::PrimaryKey { name, columns });
        }
        if self.take(&["FOREIGN", "KEY"]) {
            let columns = self.names("columns")?;
            self.references()?;
            return Ok(Constraint::Foreign(columns));
        }
        if self.take(&["EXPECT"]) {
            self.parentheses("a condition")?;
            if self.take(&["ON", "VIOLATION"]) && !self.take(&["DROP", "ROW"]) {
                self.expect(&["FAIL", "UPDATE"])?;
            }
            return Ok(Constraint::Expectation);
        }
        if self.looks_at(&["UNIQUE"]) {
            return Err(
                self.problem("Databricks SQL has no UNIQUE constraint; leave it out, or make it the primary key")
            );
        }
        self.check(name)
    }

    fn check(&mut self, name: Option<String>) -> Result<Constraint, DdlProblem> {
        self.expect(&["CHECK"])?;
        let expression = text(self.parentheses("a condition")?.rest);
        self.options()?;
        Ok(Constraint::Check { name, expression })
    }

    fn key_columns(&mut self) -> Result<Vec<String>, DdlProblem> {
        let mut inside = self.parentheses("columns")?;
        let mut columns = Vec::new();
        loop {
            columns.push(inside.name("a column's name")?);
            inside.take(&["TIMESERIES"]);
            let _ = inside.take(&["ASC"]) || inside.take(&["DESC"]);
            if !inside.take_token(&Token::Comma) {
                break;
            }
        }
        inside.finish("a comma")?;
        Ok(columns)
    }

    fn references(&mut self) -> Result<(), DdlProblem> {
        self.expect(&["REFERENCES"])?;
        self.dotted_name("the other table's name")?;
        if self.token() == Some(&Token::LParen) {
            self.names("columns")?;
        }
        self.options()
    }

    /// Reads the options after a constraint, which do not affect the columns.
    fn options(&mut self) -> Result<(), DdlProblem> {
        const OPTIONS: &[&[&str]] = &[
            &["DEFERRABLE"],
            &["ENFORCED"],
            &["INITIALLY", "DEFERRED"],
            &["INITIALLY", "IMMEDIATE"],
            &["MATCH", "FULL"],
            &["NORELY"],
            &["NOT", "DEFERRABLE"],
            &["NOT", "ENFORCED"],
            &["ON", "DELETE", "NO", "ACTION"],
            &["ON", "UPDATE", "NO", "ACTION"],
            &["RELY"],
        ];
        while OPTIONS.iter().any(|option| self.take(option)) {}
        if self.looks_at(&["ON"]) || self.looks_at(&["MATCH"]) || self.looks_at(&["INITIALLY"]) {
            return Err(self.expected("an option of the constraint, such as ON DELETE NO ACTION"));
        }
        Ok(())
    }

    /// Reads a column with its properties.
    pub(super) fn column(&mut self) -> Result<Column, DdlProblem> {
        let name = self.name("a column's name")?;
        self.column_named(&name)
    }

    /// Reads the rest of a column after its name.
    pub(super) fn column_named(&mut self, name: &str) -> Result<Column, DdlProblem> {
        if matches!(self.token(), None | Some(Token::Comma)) {
            return Err(self.expected(&format!("the type of column {name}")));
        }
        let of_column = |problem: DdlProblem| problem.of_column(name);
        let sql_type = self.sql_type().map_err(of_column)?;
        let field = SqlField { name: name.to_owned(), sql_type, nullable: true, comment: None };
        let mut column = Column { field, source: None, primary_key: None, checks: Vec::new() };
        let mut once = Once::default();
        while self.property(&mut column, &mut once).map_err(of_column)? {}
        Ok(column)
    }

    /// Reads one property of a column; returns whether there was one.
    fn property(&mut self, column: &mut Column, once: &mut Once) -> Result<bool, DdlProblem> {
        let at = self.clone();
        if self.take(&["NOT", "NULL"]) {
            once.check(&at, "NOT NULL", "NULL")?;
            column.field.nullable = false;
        } else if self.take(&["NULL"]) {
            // A column is nullable by default.
            once.check(&at, "NULL", "NULL")?;
        } else if self.looks_at(&["COLLATE"]) {
            self.collation(&mut column.field.sql_type)?;
        } else if self.take(&["COMMENT"]) {
            once.check(&at, "COMMENT", "COMMENT")?;
            column.field.comment = Some(self.strings()?);
        } else if self.take(&["DEFAULT"]) {
            once.check(&at, "DEFAULT", "source")?;
            column.source = Some(ColumnSource::Default(self.expression("DEFAULT")?));
        } else if self.take(&["GENERATED"]) {
            let source = self.generated()?;
            let counts = matches!(source, ColumnSource::Identity { .. });
            if counts
                && !matches!(&column.field.sql_type, SqlType::Named(name) if resolve(name) == Name::Scalar(Scalar::Long))
            {
                return Err(at.problem("an identity column is of type BIGINT"));
            }
            once.check(&at, "GENERATED", "source")?;
            column.source = Some(source);
        } else if self.take(&["MASK"]) {
            once.check(&at, "MASK", "MASK")?;
            self.mask()?;
        } else {
            return self.column_constraint(column, once);
        }
        Ok(true)
    }

    pub(super) fn mask(&mut self) -> Result<(), DdlProblem> {
        self.dotted_name("the masking function's name")?;
        if self.take(&["USING", "COLUMNS"]) {
            self.parentheses("columns")?;
        }
        Ok(())
    }

    fn column_constraint(&mut self, column: &mut Column, once: &mut Once) -> Result<bool, DdlProblem> {
        let at = self.clone();
        let name = if self.take(&["CONSTRAINT"]) { Some(self.name("the constraint's name")?) } else { None };
        if self.take(&["PRIMARY", "KEY"]) {
            once.check(&at, "PRIMARY KEY", "PRIMARY KEY")?;
            column.field.nullable = false;
            column.primary_key = Some(PrimaryKey(name));
            self.options()?;
        } else if self.take(&["FOREIGN", "KEY"]) || self.looks_at(&["REFERENCES"]) {
            self.references()?;
        } else if self.looks_at(&["CHECK"]) {
            if let Constraint::Check { name, expression } = self.check(name)? {
                column.checks.push((name, expression));
            }
        } else if name.is_some() {
            return Err(self.expected("PRIMARY KEY, FOREIGN KEY, REFERENCES or CHECK after the constraint's name"));
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn generated(&mut self) -> Result<ColumnSource, DdlProblem> {
        let explicit = self.take(&["BY", "DEFAULT"]);
        if !explicit {
            self.expect(&["ALWAYS"])?;
        }
        if self.take(&["AS", "IDENTITY"]) {
            return self.identity(explicit);
        }
        self.expect(&["AS"])?;
        let expression = self.parentheses("an expression")?;
        if explicit || expression.is_at_end() {
            return Err(expression.problem("GENERATED ALWAYS AS takes an expression in parentheses, or IDENTITY"));
        }
        Ok(ColumnSource::Generated(text(expression.rest)))
    }

    fn identity(&mut self, explicit: bool) -> Result<ColumnSource, DdlProblem> {
        let (mut start, mut step) = (None, None);
        if self.token() == Some(&Token::LParen) {
            let mut inside = self.parentheses("START WITH and INCREMENT BY")?;
            while !inside.is_at_end() {
                let number = match () {
                    () if start.is_none() && inside.take(&["START", "WITH"]) => &mut start,
                    () if step.is_none() && inside.take(&["INCREMENT", "BY"]) => &mut step,
                    () => return Err(inside.expected("START WITH or INCREMENT BY with a number, each once")),
                };
                *number = Some(inside.integer()?);
            }
        }
        Ok(ColumnSource::Identity { start: start.unwrap_or(1), step: step.unwrap_or(1), explicit })
    }
}

/// The subjects of a column's clauses so far; a column has at most one clause for each.
#[derive(Default)]
pub(super) struct Once(Vec<&'static str>);

impl Once {
    /// Rejects a second clause with the same subject.
    pub(super) fn check(&mut self, at: &Cursor<'_, '_>, clause: &str, about: &'static str) -> Result<(), DdlProblem> {
        if self.0.contains(&about) {
            return Err(at.problem(format!("a clause of the same kind precedes {clause}; keep one of the two")));
        }
        self.0.push(about);
        Ok(())
    }
}
