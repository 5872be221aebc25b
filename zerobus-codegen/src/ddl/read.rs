//! From `CREATE TABLE` to `TableInfo`.
//!
//! ```text
//! statement := CREATE [OR REPLACE] [OR REFRESH] [STREAMING] TABLE [IF NOT EXISTS] name "(" item { "," item } ")" clauses
//! item      := column | constraint
//! column    := name type { NOT NULL | COMMENT string | DEFAULT expression | GENERATED ALWAYS AS "(" expression ")"
//!                        | GENERATED [ALWAYS | BY DEFAULT] AS IDENTITY [ "(" … ")" ] | anything else }
//! clauses   := { USING format | PARTITIONED BY "(" name { "," name } ")" | COMMENT string | anything else }
//! ```
//! sqlparser cuts the text into tokens, in Databricks' dialect; its own grammar of that dialect knows neither MAP nor NOT
//! NULL inside a STRUCT. Statements that create no table are passed over.

use serde_json::{Map, Value, json};
use sqlparser::dialect::DatabricksDialect;
use sqlparser::tokenizer::{Token, Tokenizer, Whitespace};

use crate::model::{Name, SqlField, SqlType, parse_type_in_statement, resolve, unquote};
use crate::{ColumnInfo, Printable, Scalar, TableInfo};

/// Why a text gives no tables.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {}", Printable(.reason))]
pub struct DdlError {
    line: u64,
    reason: String,
}

/// A token and its line; white space and comments are gone, so a comment cannot hide in a type.
struct Lexeme {
    token: Token,
    line: u64,
}

/// The tables that a text of SQL statements creates.
///
/// ```
/// let tables = zerobus_codegen::ddl::tables(
///     "CREATE TABLE main.geo.quakes (id STRING NOT NULL, at STRUCT<lon: DOUBLE NOT NULL, lat DOUBLE>) USING DELTA;",
/// )?;
/// assert_eq!(tables[0].full_name(), "main.geo.quakes");
/// assert_eq!(tables[0].columns.len(), 2);
/// # Ok::<(), zerobus_codegen::ddl::DdlError>(())
/// ```
///
/// # Errors
/// If a statement cannot be cut into tokens, or a table's name, columns or types cannot be made out.
pub fn tables(text: &str) -> Result<Vec<TableInfo>, DdlError> {
    let tokens = Tokenizer::new(&DatabricksDialect {}, text).with_unescape(false).tokenize_with_location();
    let tokens = tokens.map_err(|error| DdlError { line: error.location.line, reason: error.message })?;
    let lexemes: Vec<Lexeme> = tokens
        .into_iter()
        .filter(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF))
        .map(|token| Lexeme { token: token.token, line: token.span.start.line })
        .collect();
    let mut tables = Vec::new();
    for statement in lexemes.split(|lexeme| lexeme.token == Token::SemiColon) {
        tables.extend(Statement::new(statement).table()?);
    }
    Ok(tables)
}

/// What is left of a statement, or of a part of one.
struct Statement<'a> {
    rest: &'a [Lexeme],
    /// The line where it begins.
    line: u64,
}

impl<'a> Statement<'a> {
    fn new(rest: &'a [Lexeme]) -> Self {
        Self { rest, line: rest.first().map_or(1, |lexeme| lexeme.line) }
    }

    /// The table that the statement creates, if it does.
    fn table(&mut self) -> Result<Option<TableInfo>, DdlError> {
        if !self.take(&["CREATE"]) {
            return Ok(None);
        }
        let _ = self.take(&["OR", "REPLACE"]) || self.take(&["OR", "REFRESH"]);
        let streaming = self.take(&["STREAMING"]);
        if !self.take(&["TABLE"]) {
            return Ok(None);
        }
        self.take(&["IF", "NOT", "EXISTS"]);
        let [catalog, schema, name] = self.name()?;
        let items = self.parenthesized().ok_or_else(|| self.error("a list of columns in parentheses"))?;
        let mut columns = Vec::new();
        for item in commas(items) {
            columns.extend(Statement::new(item).column(columns.len())?);
        }
        let table_type = Some(if streaming { "STREAMING_TABLE" } else { "MANAGED" }.to_owned());
        let mut info = TableInfo { name, catalog_name: catalog, schema_name: schema, table_type, ..Default::default() };
        info.columns = columns;
        self.clauses(&mut info)?;
        Ok(Some(info))
    }

    fn name(&mut self) -> Result<[String; 3], DdlError> {
        let mut parts = vec![self.word().ok_or_else(|| self.error("a table's name"))?];
        while self.rest.first().is_some_and(|lexeme| lexeme.token == Token::Period) {
            self.rest = &self.rest[1..];
            parts.push(self.word().ok_or_else(|| self.error("the next part of the table's name"))?);
        }
        parts.try_into().map_err(|parts: Vec<String>| {
            let found = parts.join(".");
            self.wrong(format!("the table's name `{found}` has not three parts; write catalog.schema.table"))
        })
    }

    /// The column of an item; a constraint is none.
    fn column(&mut self, place: usize) -> Result<Option<ColumnInfo>, DdlError> {
        for constraint in ["CONSTRAINT", "PRIMARY", "FOREIGN", "CHECK"] {
            if self.looks_at(constraint) {
                return Ok(None);
            }
        }
        let name = self.word().ok_or_else(|| self.error("a column's name"))?;
        let written = text(self.until_clause());
        let sql_type = parse_type_in_statement(&written)
            .map_err(|reason| self.wrong(format!("the type `{written}` of column {name} cannot be read: {reason}")))?;
        let (mut metadata, mut nullable) = (Map::new(), true);
        while !self.rest.is_empty() {
            if self.take(&["NOT", "NULL"]) {
                nullable = false;
            } else if self.take(&["COMMENT"]) {
                metadata.insert("comment".to_owned(), self.string()?.into());
            } else if self.take(&["DEFAULT"]) {
                metadata.insert("CURRENT_DEFAULT".to_owned(), text(self.until_clause()).into());
            } else if self.take(&["GENERATED"]) {
                self.generated(&mut metadata)?;
            } else {
                self.rest = &self.rest[1..];
            }
        }
        let comment = metadata.get("comment").and_then(Value::as_str).map(str::to_owned);
        let field = json!({"name": name, "type": type_json(&sql_type), "nullable": nullable, "metadata": metadata});
        Ok(Some(ColumnInfo {
            name,
            type_text: Some(written),
            type_json: Some(field.to_string()),
            position: i64::try_from(place).ok(),
            nullable: Some(nullable),
            comment,
            ..Default::default()
        }))
    }

    fn generated(&mut self, metadata: &mut Map<String, Value>) -> Result<(), DdlError> {
        let explicit = self.take(&["BY", "DEFAULT"]);
        let _ = self.take(&["ALWAYS"]);
        if self.take(&["AS", "IDENTITY"]) {
            let arguments = self.parenthesized().unwrap_or_default();
            let number = |word: &str| {
                let at = arguments.iter().position(|lexeme| is_word(&lexeme.token, word))?;
                let number: String =
                    arguments[at + 2..].iter().take(2).map(|lexeme| lexeme.token.to_string()).collect();
                let end = number.find(|c: char| c != '-' && !c.is_ascii_digit()).unwrap_or(number.len());
                number[..end].parse::<i64>().ok()
            };
            metadata.insert("delta.identity.start".to_owned(), number("START").unwrap_or(1).into());
            metadata.insert("delta.identity.step".to_owned(), number("INCREMENT").unwrap_or(1).into());
            metadata.insert("delta.identity.allowExplicitInsert".to_owned(), explicit.into());
            return Ok(());
        }
        if !self.take(&["AS"]) {
            return Err(self.error("AS after GENERATED"));
        }
        let expression = self.parenthesized().ok_or_else(|| self.error("an expression in parentheses"))?;
        metadata.insert("delta.generationExpression".to_owned(), text(expression).into());
        Ok(())
    }

    fn clauses(&mut self, info: &mut TableInfo) -> Result<(), DdlError> {
        while !self.rest.is_empty() {
            if self.take(&["USING"]) {
                info.data_source_format = self.word().map(|format| format.to_uppercase());
            } else if self.take(&["COMMENT"]) {
                info.comment = Some(self.string()?);
            } else if self.take(&["PARTITIONED", "BY"]) {
                let columns = self.parenthesized().ok_or_else(|| self.error("columns in parentheses"))?;
                for (index, column) in (0..).zip(commas(columns)) {
                    let name = Statement::new(column).word().ok_or_else(|| self.error("a column's name"))?;
                    let known = info.columns.iter_mut().find(|column| column.name.eq_ignore_ascii_case(&name));
                    let column = known.ok_or_else(|| self.wrong(format!("{name} is a partition but no column")))?;
                    column.partition_index = Some(index);
                }
            } else if self.take(&["AS"]) {
                // The query that fills the table says nothing more about its columns.
                self.rest = &[];
            } else if self.parenthesized().is_none() {
                self.rest = &self.rest[1..];
            }
        }
        Ok(())
    }

    /// The tokens up to the next word that begins a clause of a column, those in brackets included.
    fn until_clause(&mut self) -> &'a [Lexeme] {
        const CLAUSES: &[&str] =
            &["NOT", "COMMENT", "DEFAULT", "GENERATED", "CONSTRAINT", "PRIMARY", "REFERENCES", "MASK", "COLLATE"];
        let mut depth = Depth::default();
        let begins =
            |lexeme: &Lexeme| depth.pass(&lexeme.token) && CLAUSES.iter().any(|clause| is_word(&lexeme.token, clause));
        let end = self.rest.iter().position(begins).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// What stands in the parentheses that come next.
    fn parenthesized(&mut self) -> Option<&'a [Lexeme]> {
        let mut depth = 0;
        for (at, lexeme) in self.rest.iter().enumerate() {
            match lexeme.token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                _ if at == 0 => return None,
                _ => {}
            }
            if depth == 0 {
                let inside = self.rest.get(1..at);
                self.rest = &self.rest[at + 1..];
                return inside;
            }
        }
        None
    }

    fn string(&mut self) -> Result<String, DdlError> {
        let lexeme = self.rest.first().ok_or_else(|| self.error("a string"))?;
        let string = unquote(&lexeme.token.to_string()).map_err(|_| self.error("a string in quotes"))?;
        self.rest = &self.rest[1..];
        Ok(string)
    }

    fn word(&mut self) -> Option<String> {
        let Token::Word(word) = &self.rest.first()?.token else { return None };
        self.rest = &self.rest[1..];
        Some(word.value.clone())
    }

    fn looks_at(&self, word: &str) -> bool {
        self.rest.first().is_some_and(|lexeme| is_word(&lexeme.token, word))
    }

    /// Takes these words if they all come next.
    fn take(&mut self, words: &[&str]) -> bool {
        let found = self.rest.len() >= words.len()
            && self.rest.iter().zip(words).all(|(lexeme, word)| is_word(&lexeme.token, word));
        if found {
            self.rest = &self.rest[words.len()..];
        }
        found
    }

    fn error(&self, expected: &str) -> DdlError {
        let found = self.rest.first().map_or_else(|| "the end".to_owned(), |lexeme| format!("`{}`", lexeme.token));
        self.wrong(format!("expected {expected}, found {found}"))
    }

    fn wrong(&self, reason: String) -> DdlError {
        DdlError { line: self.rest.first().map_or(self.line, |lexeme| lexeme.line), reason }
    }
}

/// Whether a token is this word, and not in backticks.
fn is_word(token: &Token, expected: &str) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(expected))
}

/// How deep in brackets a place is.
#[derive(Default)]
struct Depth {
    parentheses: i32,
    /// Those of types; in parentheses, where an expression may stand, `<` and `>` compare.
    angles: i32,
}

impl Depth {
    /// Goes past a token, and tells whether it stands in no brackets.
    fn pass(&mut self, token: &Token) -> bool {
        let outside = self.parentheses <= 0 && self.angles <= 0;
        match token {
            Token::LParen => self.parentheses += 1,
            Token::RParen => self.parentheses -= 1,
            Token::Lt if self.parentheses <= 0 => self.angles += 1,
            Token::Gt if self.parentheses <= 0 => self.angles -= 1,
            // `>>` ends two types at once.
            Token::ShiftRight if self.parentheses <= 0 => self.angles -= 2,
            _ => {}
        }
        outside
    }
}

/// The parts between the commas that stand in no brackets.
fn commas(lexemes: &[Lexeme]) -> Vec<&[Lexeme]> {
    let mut depth = Depth::default();
    lexemes.split(|lexeme| depth.pass(&lexeme.token) && lexeme.token == Token::Comma).collect()
}

/// The tokens as text, with a space where two would run together.
fn text(lexemes: &[Lexeme]) -> String {
    let mut text = String::new();
    for (at, lexeme) in lexemes.iter().enumerate() {
        let runs_on =
            |token: &Token| matches!(token, Token::Word(_) | Token::Number(..) | Token::SingleQuotedString(_));
        if at > 0 && runs_on(&lexeme.token) && runs_on(&lexemes[at - 1].token) {
            text.push_str(&Token::Whitespace(Whitespace::Space).to_string());
        }
        text.push_str(&lexeme.token.to_string());
    }
    text
}

/// The type as `type_json` has it.
fn type_json(sql_type: &SqlType) -> Value {
    match sql_type {
        SqlType::Array(element) => {
            json!({"type": "array", "elementType": type_json(element), "containsNull": true})
        }
        SqlType::Map(key, value) => {
            let (key, value) = (type_json(key), type_json(value));
            json!({"type": "map", "keyType": key, "valueType": value, "valueContainsNull": true})
        }
        SqlType::Named(name) => json!(spark_name(name)),
        SqlType::Struct(fields) => {
            json!({"type": "struct", "fields": fields.iter().map(field_json).collect::<Vec<_>>()})
        }
    }
}

fn field_json(field: &SqlField) -> Value {
    let metadata = field.comment.as_ref().map_or_else(|| json!({}), |comment| json!({"comment": comment}));
    json!({"name": field.name, "type": type_json(&field.sql_type), "nullable": field.nullable, "metadata": metadata})
}

/// The name that Spark's JSON has for a type; one that Zerobus does not carry as it was written.
fn spark_name(name: &str) -> String {
    match resolve(name) {
        Name::Scalar(scalar) => match scalar {
            Scalar::Byte => "byte".to_owned(),
            Scalar::Int => "integer".to_owned(),
            Scalar::Long => "long".to_owned(),
            Scalar::Short => "short".to_owned(),
            other => other.to_string().to_lowercase(),
        },
        Name::BadDecimal | Name::Unsupported => name.to_owned(),
    }
}
