//! The clauses after the columns of CREATE TABLE, in any order, one of each kind.
//!
//! ```text
//! clause     := USING format | COMMENT string | TBLPROPERTIES properties | OPTIONS "(" any ")"
//!             | PARTITIONED BY "(" partition { "," partition } ")" | CLUSTER BY ( names | AUTO | NONE )
//!             | CLUSTERED BY names [ SORTED BY "(" any ")" ] INTO n BUCKETS
//!             | LOCATION string [ WITH "(" CREDENTIAL name ")" ] | [ DEFAULT ] COLLATION ( name | string )
//!             | WITH ROW FILTER name ON "(" any ")" | STORED AS format
//!             | SCHEDULE [ REFRESH ] ( CRON string [ AT TIME ZONE string ] | EVERY n unit )
//!             | TRIGGER ON UPDATE [ AT MOST EVERY any ] | FLOW any | AS any                  up to the end
//! partition  := name [ type [ COMMENT string ] ]
//! properties := "(" property { "," property } ")"
//! property   := key [ "=" ] [ - ] ( string | number | TRUE | FALSE )
//! key        := string | name { "." name }
//! format     := name { "." name }
//! ```
//! LOCATION makes the table external. A partition with a type that is not among the columns adds a column.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::draft::{Draft, Kind, Position};
use super::problem::DdlProblem;
use crate::likely;

/// The subject of a clause; a table has at most one clause for each.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject {
    Buckets,
    Collation,
    Comment,
    Filter,
    Format,
    /// The layout of rows: partitions and clusters exclude each other.
    Layout,
    Location,
    Options,
    Properties,
    Query,
    Refresh,
}

/// The words that each clause begins with.
const CLAUSES: &[(&[&str], Subject)] = &[
    (&["AS"], Subject::Query),
    (&["CLUSTER", "BY"], Subject::Layout),
    (&["CLUSTERED", "BY"], Subject::Buckets),
    (&["COLLATION"], Subject::Collation),
    (&["COMMENT"], Subject::Comment),
    (&["DEFAULT", "COLLATION"], Subject::Collation),
    (&["FLOW"], Subject::Query),
    (&["LOCATION"], Subject::Location),
    (&["OPTIONS"], Subject::Options),
    (&["PARTITIONED", "BY"], Subject::Layout),
    (&["SCHEDULE"], Subject::Refresh),
    (&["STORED", "AS"], Subject::Format),
    (&["TBLPROPERTIES"], Subject::Properties),
    (&["TRIGGER", "ON", "UPDATE"], Subject::Refresh),
    (&["USING"], Subject::Format),
    (&["WITH", "ROW", "FILTER"], Subject::Filter),
];

impl Cursor<'_, '_> {
    /// Reads every clause of the table, up to the end of the statement.
    pub(super) fn clauses(&mut self, draft: &mut Draft) -> Result<(), DdlProblem> {
        let mut seen: Vec<(&[&str], Subject)> = Vec::new();
        while !self.is_at_end() {
            let at = self.clone();
            let Some((words, subject)) = CLAUSES.iter().find(|(words, _)| self.take(words)) else {
                return Err(self.no_clause());
            };
            if let Some((before, _)) = seen.iter().find(|(_, known)| known == subject) {
                return Err(at.problem(second(before, words)));
            }
            seen.push((words, *subject));
            self.clause(words, draft)?;
        }
        Ok(())
    }

    /// Reads the rest of a clause after its first words.
    fn clause(&mut self, words: &[&str], draft: &mut Draft) -> Result<(), DdlProblem> {
        match words[0] {
            "CLUSTER" => self.cluster(draft)?,
            "CLUSTERED" => self.buckets()?,
            "COMMENT" => draft.comment = Some(self.strings()?),
            "COLLATION" | "DEFAULT" => self.collation_name()?,
            "LOCATION" => {
                self.location()?;
                draft.kind = Kind::External;
            }
            "OPTIONS" => {
                self.parentheses("options")?;
            }
            "PARTITIONED" => self.partitions(draft)?,
            "SCHEDULE" => self.schedule()?,
            "STORED" | "USING" => draft.format = Some(self.dotted_name("a format")?.join(".").to_uppercase()),
            "TBLPROPERTIES" => draft.properties.extend(self.properties()?),
            "TRIGGER" => self.trigger()?,
            "WITH" => self.row_filter()?,
            // AS and FLOW: the query that fills the table does not affect its columns.
            _ => self.rest = &[],
        }
        Ok(())
    }

    fn no_clause(&self) -> DdlProblem {
        if self.token() == Some(&Token::RParen) {
            return self.problem("unmatched closing parenthesis");
        }
        let likely = self
            .keyword()
            .and_then(|word| likely(&word, CLAUSES.iter().map(|(words, _)| words[0])))
            .filter(|likely| !self.looks_at(&[likely]));
        match likely {
            Some(likely) => self.expected(&format!("a clause of the table, likely {likely}")),
            None => self.expected("a clause of the table, or `;` before the next statement"),
        }
    }

    /// The properties in parentheses.
    pub(super) fn properties(&mut self) -> Result<Vec<(String, String)>, DdlProblem> {
        let mut inside = self.parentheses("properties")?;
        let mut properties = Vec::new();
        while !inside.is_at_end() {
            let at = inside.clone();
            let key = inside.property_key()?;
            if properties.iter().any(|(known, _)| *known == key) {
                return Err(at.problem(format!("the property `{key}` appears twice")));
            }
            inside.take_token(&Token::Eq);
            properties.push((key, inside.property_value()?));
            if !inside.is_at_end() {
                inside.expect_token(&Token::Comma)?;
                if inside.is_at_end() {
                    return Err(inside.expected("a property after the comma"));
                }
            }
        }
        Ok(properties)
    }

    /// A collation's name; SHOW CREATE TABLE writes it in quotes.
    pub(super) fn collation_name(&mut self) -> Result<(), DdlProblem> {
        if self.string().is_err() {
            self.name("a collation's name")?;
        }
        Ok(())
    }

    pub(super) fn property_key(&mut self) -> Result<String, DdlProblem> {
        match self.token() {
            Some(Token::SingleQuotedString(_) | Token::DoubleQuotedString(_)) => self.string(),
            _ => Ok(self.dotted_name("a property's name")?.join(".")),
        }
    }

    fn property_value(&mut self) -> Result<String, DdlProblem> {
        let sign = if self.take_token(&Token::Minus) { "-" } else { "" };
        let value = match self.token() {
            Some(Token::Number(number, _)) => format!("{sign}{number}"),
            _ if !sign.is_empty() => return Err(self.expected("a number")),
            Some(Token::Word(word)) if ["true", "false"].iter().any(|known| word.value.eq_ignore_ascii_case(known)) => {
                word.value.to_lowercase()
            }
            _ => return self.string(),
        };
        self.step();
        Ok(value)
    }

    fn partitions(&mut self, draft: &mut Draft) -> Result<(), DdlProblem> {
        let mut inside = self.parentheses("columns")?;
        loop {
            let at = inside.clone();
            let name = inside.name("a column's name")?;
            if inside.token() == Some(&Token::LParen) {
                return Err(at.problem("a Delta table is partitioned by columns, not by expressions of them"));
            }
            if !matches!(inside.token(), None | Some(Token::Comma)) {
                let column = inside.column_named(&name)?;
                match draft.field_mut(std::slice::from_ref(&name)) {
                    Ok(known) if known.sql_type != column.field.sql_type => {
                        return Err(at.problem(format!("column {name} has another type among the columns")));
                    }
                    // Only the type may be repeated.
                    Ok(_) if column.is_bare() => {}
                    Ok(_) => {
                        let found = format!("column {name} is among the columns; move its clauses there");
                        return Err(at.problem(found));
                    }
                    Err(_) => draft.add(&[], column, &Position::Last).map_err(|reason| at.problem(reason))?,
                }
            }
            let column = draft.field_mut(std::slice::from_ref(&name));
            let name = column.map(|column| column.name.clone());
            let name = name.map_err(|reason| at.problem(format!("the table cannot be partitioned: {reason}")))?;
            if draft.partitions.contains(&name) {
                return Err(at.problem(format!("the table is partitioned by column {name} twice")));
            }
            draft.partitions.push(name);
            if !inside.take_token(&Token::Comma) {
                return inside.finish("a comma");
            }
        }
    }

    pub(super) fn cluster(&mut self, draft: &mut Draft) -> Result<(), DdlProblem> {
        if self.take(&["AUTO"]) || self.take(&["NONE"]) {
            return Ok(());
        }
        let at = self.clone();
        let columns = self.names("columns")?;
        for (i, column) in columns.iter().enumerate() {
            draft.type_mut(column).map_err(|reason| at.problem(format!("the table cannot be clustered: {reason}")))?;
            if has_name(&columns[..i], column) {
                return Err(at.problem(format!("the table is clustered by column {} twice", column.join("."))));
            }
        }
        Ok(())
    }

    fn buckets(&mut self) -> Result<(), DdlProblem> {
        self.names("columns")?;
        if self.take(&["SORTED", "BY"]) {
            self.parentheses("columns")?;
        }
        self.expect(&["INTO"])?;
        self.integer()?;
        self.expect(&["BUCKETS"])
    }

    pub(super) fn location(&mut self) -> Result<(), DdlProblem> {
        self.string()?;
        if self.looks_at(&["WITH"]) && !self.looks_at(&["WITH", "ROW", "FILTER"]) {
            self.expect(&["WITH"])?;
            let mut inside = self.parentheses("CREDENTIAL")?;
            inside.expect(&["CREDENTIAL"])?;
            inside.name("a credential's name")?;
            inside.finish("`)`")?;
        }
        Ok(())
    }

    pub(super) fn row_filter(&mut self) -> Result<(), DdlProblem> {
        self.dotted_name("the filter's name")?;
        self.expect(&["ON"])?;
        self.parentheses("columns").map(drop)
    }

    pub(super) fn schedule(&mut self) -> Result<(), DdlProblem> {
        self.take(&["REFRESH"]);
        if self.take(&["EVERY"]) {
            self.integer()?;
            return self.name("a unit of time").map(drop);
        }
        self.expect(&["CRON"])?;
        self.string()?;
        if self.take(&["AT", "TIME", "ZONE"]) {
            self.string()?;
        }
        Ok(())
    }

    pub(super) fn trigger(&mut self) -> Result<(), DdlProblem> {
        if self.take(&["AT", "MOST", "EVERY"]) {
            self.take(&["INTERVAL"]);
            if self.string().is_err() {
                self.integer()?;
            }
            self.name("a unit of time")?;
        }
        Ok(())
    }
}

/// The text of the error for a second clause with the same subject.
fn second(before: &[&str], words: &[&str]) -> String {
    let (before, words) = (before.join(" "), words.join(" "));
    if before == words {
        format!("{words} appears twice; keep one")
    } else {
        format!("{words} and {before} exclude each other; keep one")
    }
}

/// Whether a name is among these, without regard to case.
pub(super) fn has_name(names: &[Vec<String>], name: &[String]) -> bool {
    names.iter().any(|known| known.join(".").eq_ignore_ascii_case(&name.join(".")))
}
