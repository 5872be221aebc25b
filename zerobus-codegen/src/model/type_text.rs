//! `type_text`: a column's type in SQL.
//!
//! ```text
//! type   := "array" "<" type ">"
//!         | "map" "<" type "," type ">"
//!         | "struct" "<" [ field { "," field } ] ">"
//!         | words [ "(" arguments ")" ] words       decimal(10,2), interval day to second
//! field  := name ":" type [ "not" "null" ] [ "comment" quoted ]
//! name   := "`" { any but "`" | "``" } "`" | any but ":"
//! ```
//! Keywords are compared without regard to case. Types in statements have their own grammar, in `ddl::types`.

use super::sql_text::unquoted;
use super::sql_type::{MAX_NESTING, SqlField, SqlType};

/// Reads a type in the catalog's SQL.
///
/// # Errors
/// With the reason, if the text does not follow the grammar above.
pub(crate) fn parse(text: &str) -> Result<SqlType, String> {
    let mut scanner = Scanner { rest: text };
    let sql_type = scanner.sql_type(0)?;
    scanner.skip_space();
    if scanner.rest.is_empty() { Ok(sql_type) } else { Err(scanner.unexpected("the end")) }
}

struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn sql_type(&mut self, depth: usize) -> Result<SqlType, String> {
        if depth > MAX_NESTING {
            return Err(format!("it nests deeper than {MAX_NESTING} levels"));
        }
        let word = self.word();
        if !self.looks_at('<') {
            return self.named(word);
        }
        self.expect('<')?;
        let sql_type = match word.to_lowercase().as_str() {
            "array" => SqlType::Array(Box::new(self.sql_type(depth + 1)?)),
            "map" => {
                let key = self.sql_type(depth + 1)?;
                self.expect(',')?;
                SqlType::Map(Box::new(key), Box::new(self.sql_type(depth + 1)?))
            }
            "struct" => SqlType::Struct(self.fields(depth)?),
            _ => return Err(format!("`{word}` takes no type in angle brackets")),
        };
        self.expect('>')?;
        Ok(sql_type)
    }

    fn fields(&mut self, depth: usize) -> Result<Vec<SqlField>, String> {
        let mut fields = Vec::new();
        if self.looks_at('>') {
            return Ok(fields);
        }
        loop {
            let name = self.field_name()?;
            let sql_type = self.sql_type(depth + 1)?;
            let nullable = !self.take_keyword("not");
            if !nullable && !self.take_keyword("null") {
                return Err(self.unexpected("null after not"));
            }
            let comment = if self.take_keyword("comment") { Some(self.quoted()?) } else { None };
            fields.push(SqlField { name, sql_type, nullable, comment });
            if !self.looks_at(',') {
                return Ok(fields);
            }
            self.expect(',')?;
        }
    }

    fn field_name(&mut self) -> Result<String, String> {
        self.skip_space();
        if self.rest.starts_with('`') {
            let name = self.name_in_backticks()?;
            self.expect(':')?;
            return Ok(name);
        }
        let (name, rest) = self.rest.split_once(':').ok_or_else(|| self.unexpected("a field's name and a colon"))?;
        self.rest = rest;
        Ok(name.trim_end().to_owned())
    }

    fn name_in_backticks(&mut self) -> Result<String, String> {
        let mut name = String::new();
        loop {
            let after = self.rest.strip_prefix('`').ok_or("a backtick is not closed")?;
            let (part, rest) = after.split_once('`').ok_or("a backtick is not closed")?;
            name.push_str(part);
            self.rest = rest;
            if !rest.starts_with('`') {
                return Ok(name);
            }
            // A doubled backtick is an escaped backtick.
            name.push('`');
        }
    }

    /// A type without parts; its name may have several words (`interval day to second`).
    fn named(&mut self, first: &'a str) -> Result<SqlType, String> {
        if first.is_empty() {
            return Err(self.unexpected("a type"));
        }
        let mut name = first.to_owned();
        if self.looks_at('(') {
            let (arguments, rest) = self.rest.split_once(')').ok_or("a parenthesis is not closed")?;
            name.extend(arguments.chars().filter(|c| !c.is_whitespace()));
            name.push(')');
            self.rest = rest;
        }
        loop {
            let mut ahead = Scanner { rest: self.rest };
            let word = ahead.word();
            if word.is_empty() || word.eq_ignore_ascii_case("not") || word.eq_ignore_ascii_case("comment") {
                return Ok(SqlType::named(&name));
            }
            name.push(' ');
            name.push_str(word);
            self.rest = ahead.rest;
        }
    }

    fn quoted(&mut self) -> Result<String, String> {
        self.skip_space();
        let (text, rest) = unquoted(self.rest)?;
        self.rest = rest;
        Ok(text)
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let mut ahead = Scanner { rest: self.rest };
        let found = ahead.word().eq_ignore_ascii_case(keyword);
        if found {
            self.rest = ahead.rest;
        }
        found
    }

    fn word(&mut self) -> &'a str {
        self.skip_space();
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn looks_at(&mut self, c: char) -> bool {
        self.skip_space();
        self.rest.starts_with(c)
    }

    fn expect(&mut self, c: char) -> Result<(), String> {
        self.skip_space();
        self.rest = self.rest.strip_prefix(c).ok_or_else(|| self.unexpected(&format!("`{c}`")))?;
        Ok(())
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn unexpected(&self, expected: &str) -> String {
        let found: String = self.rest.chars().take(20).collect();
        if found.is_empty() {
            format!("expected {expected}, found the end")
        } else {
            format!("expected {expected} at `{found}`")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int() -> SqlType {
        SqlType::named("int")
    }

    #[test]
    fn reads_nested_types_with_comments_and_not_null() {
        let parsed = parse("STRUCT<a: int NOT NULL COMMENT 'it''s, > a', `b c`:array<map<string , decimal(10, 2)>>>");
        let field = |name: &str, sql_type, nullable, comment: Option<&str>| SqlField {
            name: name.to_owned(),
            sql_type,
            nullable,
            comment: comment.map(str::to_owned),
        };
        let map = SqlType::Map(Box::new(SqlType::named("string")), Box::new(SqlType::named("decimal(10,2)")));
        assert_eq!(
            parsed,
            Ok(SqlType::Struct(vec![
                field("a", int(), false, Some("it's, > a")),
                field("b c", SqlType::Array(Box::new(map)), true, None),
            ]))
        );
    }

    #[test]
    fn keeps_the_words_of_a_long_name_together() {
        assert_eq!(parse("Interval Day To Second"), Ok(SqlType::named("interval day to second")));
        assert_eq!(parse("struct<>"), Ok(SqlType::Struct(vec![])));
    }

    #[test]
    fn an_error_names_what_was_expected() {
        assert_eq!(parse("array<int"), Err("expected `>`, found the end".to_owned()));
        assert_eq!(parse("int>"), Err("expected the end at `>`".to_owned()));
        assert_eq!(parse(""), Err("expected a type, found the end".to_owned()));
        assert!(parse(&"array<".repeat(100_000)).is_err());
    }
}
