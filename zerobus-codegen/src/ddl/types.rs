//! Reads the types in statements.
//!
//! ```text
//! type     := ARRAY "<" type ">"
//!           | MAP "<" type "," type ">"
//!           | STRUCT "<" [ field { "," field } ] ">"
//!           | scalar
//! field    := name [ ":" ] type { NOT NULL | COLLATE name | COMMENT string }
//! scalar   := BOOLEAN | TINYINT | BYTE | SMALLINT | SHORT | INT | INTEGER | BIGINT | LONG | FLOAT | REAL | DOUBLE
//!           | STRING [ COLLATE name ] | BINARY | DATE | VARIANT | VOID | TIMESTAMP_LTZ | TIMESTAMP_NTZ
//!           | TIMESTAMP [ WITH LOCAL TIME ZONE | WITHOUT TIME ZONE ]
//!           | ( DECIMAL | DEC | NUMERIC ) [ "(" number [ "," number ] ")" ]
//!           | ( CHAR | CHARACTER | VARCHAR ) "(" number ")"
//!           | TIME [ "(" number ")" ] | ( GEOGRAPHY | GEOMETRY ) [ "(" number | ANY ")" ]
//!           | INTERVAL unit [ TO unit ]
//! unit     := YEAR | MONTH | DAY | HOUR | MINUTE | SECOND
//! ```
//! These are the types of Databricks SQL; the model decides which of them Zerobus supports.

use sqlparser::tokenizer::Token;

use super::column::Once;
use super::cursor::Cursor;
use super::likely_type::likely_type;
use super::problem::DdlProblem;
use crate::model::{MAX_NESTING, SqlField, SqlType};

impl Cursor<'_, '_> {
    /// Reads the next type.
    pub(super) fn sql_type(&mut self) -> Result<SqlType, DdlProblem> {
        self.nested_type(0)
    }

    fn nested_type(&mut self, depth: usize) -> Result<SqlType, DdlProblem> {
        if depth > MAX_NESTING {
            return Err(self.problem(format!("the type nests deeper than {MAX_NESTING} levels")));
        }
        let Some(word) = self.keyword() else { return Err(self.expected("a type")) };
        let angled = self.rest.get(1).is_some_and(|next| next.token == Token::Lt);
        match word.as_str() {
            "ARRAY" | "MAP" | "STRUCT" if !angled => {
                let example = match word.as_str() {
                    "ARRAY" => "ARRAY<STRING>",
                    "MAP" => "MAP<STRING, STRING>",
                    _ => "STRUCT<name: STRING>",
                };
                Err(self.problem(format!("{word} needs its types in angle brackets, as in {example}")))
            }
            "ARRAY" => self.in_angles(|cursor| Ok(SqlType::Array(Box::new(cursor.nested_type(depth + 1)?)))),
            "MAP" => self.in_angles(|cursor| {
                let key = cursor.nested_type(depth + 1)?;
                cursor.expect_token(&Token::Comma)?;
                Ok(SqlType::Map(Box::new(key), Box::new(cursor.nested_type(depth + 1)?)))
            }),
            "STRUCT" => self.in_angles(|cursor| Ok(SqlType::Struct(cursor.fields(depth)?))),
            _ => self.scalar(&word),
        }
    }

    fn in_angles(
        &mut self,
        inside: impl FnOnce(&mut Self) -> Result<SqlType, DdlProblem>,
    ) -> Result<SqlType, DdlProblem> {
        self.step();
        self.expect_token(&Token::Lt)?;
        let sql_type = inside(self)?;
        self.expect_token(&Token::Gt)?;
        Ok(sql_type)
    }

    fn fields(&mut self, depth: usize) -> Result<Vec<SqlField>, DdlProblem> {
        let mut fields = Vec::new();
        if self.token() == Some(&Token::Gt) {
            return Ok(fields);
        }
        loop {
            fields.push(self.field(depth)?);
            if !self.take_token(&Token::Comma) {
                return Ok(fields);
            }
        }
    }

    fn field(&mut self, depth: usize) -> Result<SqlField, DdlProblem> {
        let name = self.name("a field's name")?;
        self.take_token(&Token::Colon);
        let mut field = SqlField { name, sql_type: self.nested_type(depth + 1)?, nullable: true, comment: None };
        let mut once = Once::default();
        loop {
            let at = self.clone();
            if self.take(&["NOT", "NULL"]) {
                once.check(&at, "NOT NULL", "NULL")?;
                field.nullable = false;
            } else if self.looks_at(&["COLLATE"]) {
                self.collation(&mut field.sql_type)?;
            } else if self.take(&["COMMENT"]) {
                once.check(&at, "COMMENT", "COMMENT")?;
                field.comment = Some(self.strings()?);
            } else if matches!(self.token(), Some(Token::Comma | Token::Gt)) {
                return Ok(field);
            } else {
                return Err(self.expected(&format!("`,` or `>` after field {}", field.name)));
            }
        }
    }

    /// Reads `COLLATE name`, and adds it to a STRING.
    pub(super) fn collation(&mut self, of: &mut SqlType) -> Result<(), DdlProblem> {
        if *of != SqlType::named("string") {
            return Err(self.problem("COLLATE can follow only STRING, and only once"));
        }
        self.expect(&["COLLATE"])?;
        let name = self.name("a collation's name")?;
        *of = SqlType::named(&format!("string collate {name}"));
        Ok(())
    }

    fn scalar(&mut self, word: &str) -> Result<SqlType, DdlProblem> {
        let at = self.clone();
        self.step();
        let digits = match word {
            "BOOLEAN" | "TINYINT" | "BYTE" | "SMALLINT" | "SHORT" | "INT" | "INTEGER" | "BIGINT" | "LONG" | "FLOAT"
            | "REAL" | "DOUBLE" | "STRING" | "BINARY" | "DATE" | "TIMESTAMP" | "TIMESTAMP_LTZ" | "TIMESTAMP_NTZ"
            | "VARIANT" | "VOID" => 0..=0,
            "DECIMAL" | "DEC" | "NUMERIC" => 0..=2,
            "CHAR" | "CHARACTER" | "VARCHAR" => 1..=1,
            "TIME" => 0..=1,
            "GEOGRAPHY" | "GEOMETRY" => return self.spatial(word),
            "INTERVAL" => return self.interval(),
            _ => return Err(at.problem(unknown(&at.found(), word))),
        };
        let arguments = if self.token() == Some(&Token::LParen) { self.numbers()? } else { Vec::new() };
        let no_length = digits == (1..=1) && arguments == [0];
        if !digits.contains(&arguments.len()) || no_length {
            return Err(at.problem(wrong_digits(word, *digits.end())));
        }
        if word == "TIMESTAMP" && self.take(&["WITHOUT", "TIME", "ZONE"]) {
            return Ok(SqlType::named("timestamp_ntz"));
        }
        let local = word == "TIMESTAMP" && self.take(&["WITH", "LOCAL", "TIME", "ZONE"]);
        let timezone = word == "TIMESTAMP" && self.looks_at(&["WITH"]) && !local;
        if timezone || word == "DOUBLE" && self.looks_at(&["PRECISION"]) {
            let two = format!("{word} {}", self.keyword().unwrap_or_default());
            return Err(at.problem(unknown(&format!("`{two}`"), &two)));
        }
        self.no_type_behind(word)?;
        if word == "STRING" && self.looks_at(&["COLLATE"]) {
            let mut collated = SqlType::named(word);
            self.collation(&mut collated)?;
            return Ok(collated);
        }
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let arguments = if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(",")) };
        Ok(SqlType::named(&format!("{word}{arguments}")))
    }

    /// Rejects type suffixes of other databases.
    fn no_type_behind(&self, word: &str) -> Result<(), DdlProblem> {
        if self.token() == Some(&Token::LBracket) || self.looks_at(&["ARRAY"]) {
            return Err(self.problem(format!("an array of {word} is ARRAY<{word}>")));
        }
        if self.looks_at(&["UNSIGNED"]) {
            let text = "Databricks SQL has no unsigned integers; leave UNSIGNED out, or take the next larger type";
            return Err(self.problem(text));
        }
        Ok(())
    }

    fn numbers(&mut self) -> Result<Vec<i64>, DdlProblem> {
        let mut inside = self.parentheses("numbers")?;
        let mut numbers = vec![inside.integer()?];
        while inside.take_token(&Token::Comma) {
            numbers.push(inside.integer()?);
        }
        if numbers.iter().any(|&number| number < 0) {
            return Err(inside.problem("a type has no negative parameter"));
        }
        inside.finish("`)`")?;
        Ok(numbers)
    }

    fn spatial(&mut self, word: &str) -> Result<SqlType, DdlProblem> {
        if self.token() != Some(&Token::LParen) {
            return Ok(SqlType::named(word));
        }
        let mut inside = self.parentheses("a reference system")?;
        let system = if inside.take(&["ANY"]) { "any".to_owned() } else { inside.integer()?.to_string() };
        inside.finish("`)`")?;
        Ok(SqlType::named(&format!("{word}({system})")))
    }

    fn interval(&mut self) -> Result<SqlType, DdlProblem> {
        let first = self.unit()?;
        let last = if self.take(&["TO"]) { format!(" to {}", self.unit()?) } else { String::new() };
        Ok(SqlType::named(&format!("interval {first}{last}")))
    }

    fn unit(&mut self) -> Result<&'static str, DdlProblem> {
        let units = ["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"];
        let unit = units.into_iter().find(|unit| self.take(&[unit]));
        unit.ok_or_else(|| self.expected("YEAR, MONTH, DAY, HOUR, MINUTE or SECOND"))
    }
}

fn unknown(found: &str, word: &str) -> String {
    match likely_type(word) {
        Some(likely) => format!("{found} is not a type of Databricks SQL; did you mean {likely}?"),
        None => format!("{found} is not a type of Databricks SQL"),
    }
}

fn wrong_digits(word: &str, most: usize) -> String {
    match word {
        "DECIMAL" | "DEC" | "NUMERIC" => format!("{word} takes a precision and a scale, as in {word}(10,2)"),
        "CHAR" | "CHARACTER" | "VARCHAR" => {
            format!("{word} takes one length, as in {word}(255); without a length use STRING")
        }
        _ if most == 0 => format!("{word} has no parameters; leave the parentheses out"),
        _ => format!("{word} takes one number at most"),
    }
}
