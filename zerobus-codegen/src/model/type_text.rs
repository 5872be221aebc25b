//! `type_text`: a column's type as SQL writes it.
//!
//! ```text
//! type   := "array" "<" type ">"
//!         | "map" "<" type "," type ">"
//!         | "struct" "<" [ field { "," field } ] ">"
//!         | words [ "(" arguments ")" ] words       decimal(10,2), interval day to second
//! field  := name ":" type [ "not" "null" ] [ "comment" quoted ]
//! name   := "`" any "`" | any but ":"
//! ```
//! Keywords are compared without regard to case. In a statement the colon may be missing, and a name without backticks is
//! then a word.

use super::sql_type::{MAX_NESTING, SqlField, SqlType};

/// Reads a type that SQL wrote.
///
/// # Errors
/// With the reason, if the text does not follow the grammar above.
pub(crate) fn parse(text: &str) -> Result<SqlType, String> {
    parse_with(text, Colon::Always)
}

/// Reads a type of a statement.
///
/// # Errors
/// With the reason, if the text does not follow the grammar above.
#[cfg(feature = "ddl")]
pub(crate) fn parse_in_statement(text: &str) -> Result<SqlType, String> {
    parse_with(text, Colon::Perhaps)
}

/// The text of a quoted string.
///
/// # Errors
/// If it is not one quoted string and nothing else.
#[cfg(feature = "ddl")]
pub(crate) fn unquote(text: &str) -> Result<String, String> {
    let mut scanner = Scanner { rest: text, colon: Colon::Always };
    let unquoted = scanner.quoted()?;
    scanner.skip_space();
    if scanner.rest.is_empty() { Ok(unquoted) } else { Err(scanner.unexpected("the end")) }
}

fn parse_with(text: &str, colon: Colon) -> Result<SqlType, String> {
    let mut scanner = Scanner { rest: text, colon };
    let sql_type = scanner.sql_type(0)?;
    scanner.skip_space();
    if scanner.rest.is_empty() { Ok(sql_type) } else { Err(scanner.unexpected("the end")) }
}

/// Whether a colon stands between a field's name and its type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Colon {
    Always,
    Perhaps,
}

struct Scanner<'a> {
    rest: &'a str,
    colon: Colon,
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
        if let Some(after) = self.rest.strip_prefix('`') {
            let (name, rest) = after.split_once('`').ok_or("a backtick is not closed")?;
            self.rest = rest;
            if self.colon == Colon::Always || self.looks_at(':') {
                self.expect(':')?;
            }
            return Ok(name.to_owned());
        }
        if self.colon == Colon::Perhaps {
            let name = self.word();
            if self.looks_at(':') {
                self.expect(':')?;
            }
            return if name.is_empty() { Err(self.unexpected("a field's name")) } else { Ok(name.to_owned()) };
        }
        let (name, rest) = self.rest.split_once(':').ok_or_else(|| self.unexpected("a field's name and a colon"))?;
        self.rest = rest;
        Ok(name.trim_end().to_owned())
    }

    /// A type without parts; it may be of several words (`interval day to second`).
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
            let mut ahead = Scanner { rest: self.rest, colon: self.colon };
            let word = ahead.word();
            if word.is_empty() || word.eq_ignore_ascii_case("not") || word.eq_ignore_ascii_case("comment") {
                return Ok(SqlType::named(&name));
            }
            name.push(' ');
            name.push_str(word);
            self.rest = ahead.rest;
        }
    }

    /// A quoted string in which a backslash escapes (`\\n`, `\\u2028`, `\\'`) and a doubled quote stands for one.
    fn quoted(&mut self) -> Result<String, String> {
        self.skip_space();
        let quote = self.rest.chars().next().filter(|c| matches!(c, '\'' | '"')).ok_or("a comment has no quotes")?;
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1).peekable();
        while let Some((at, c)) = chars.next() {
            if c == quote && chars.peek().is_none_or(|&(_, next)| next != quote) {
                self.rest = &self.rest[at + c.len_utf8()..];
                return Ok(text);
            }
            match (c, chars.peek().map(|&(_, next)| next)) {
                ('\\', Some('n')) => text.push('\n'),
                ('\\', Some('r')) => text.push('\r'),
                ('\\', Some('t')) => text.push('\t'),
                ('\\', Some('u')) => text.extend(unicode(self.rest, at + 2, 4)),
                ('\\', Some('U')) => text.extend(unicode(self.rest, at + 2, 8)),
                // A doubled quote, or a character that stands for itself.
                (_, Some(next)) if c == quote || c == '\\' => text.push(next),
                _ => {
                    text.push(c);
                    continue;
                }
            }
            let digits = match chars.next() {
                Some((_, 'u')) if c == '\\' => 4,
                Some((_, 'U')) if c == '\\' => 8,
                _ => 0,
            };
            for _ in 0..digits {
                chars.next();
            }
        }
        Err("a comment's quotes are not closed".to_owned())
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let mut ahead = Scanner { rest: self.rest, colon: self.colon };
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

/// The character of so many hexadecimal digits.
fn unicode(text: &str, at: usize, digits: usize) -> Option<char> {
    char::from_u32(u32::from_str_radix(text.get(at..at + digits)?, 16).ok()?)
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
    fn says_what_it_expected() {
        assert_eq!(parse("array<int"), Err("expected `>`, found the end".to_owned()));
        assert_eq!(parse("int>"), Err("expected the end at `>`".to_owned()));
        assert_eq!(parse(""), Err("expected a type, found the end".to_owned()));
        assert!(parse(&"array<".repeat(100_000)).is_err());
    }
}
