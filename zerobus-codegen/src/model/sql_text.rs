//! Rows, names and strings in SQL syntax. Every name is in backticks and every comment in quotes, so neither can inject
//! SQL. Also reads quoted strings.

use std::fmt::Write as _;

use super::printable::rewrites_the_line;
use super::sql_type::{Name, SqlField, SqlType, resolve};
use super::{Struct, TableName};

impl Struct {
    /// The CREATE TABLE statement for rows of this struct.
    ///
    /// ```
    /// use zerobus_codegen::{DataType, Field, Scalar, Struct};
    ///
    /// let id = Field::required("id", 1, DataType::Scalar(Scalar::Long));
    /// let sql = Struct { fields: vec![id] }.create_table(&"main.geo.quakes".parse()?);
    /// assert_eq!(sql, "CREATE TABLE `main`.`geo`.`quakes` (\n  `id` BIGINT NOT NULL\n)\nUSING DELTA;\n");
    /// # Ok::<(), zerobus_codegen::TableNameError>(())
    /// ```
    #[must_use]
    pub fn create_table(&self, name: &TableName) -> String {
        let lines: Vec<String> = self.fields.iter().map(|field| column_line(&field.into(), "")).collect();
        let name = [name.catalog(), name.schema(), name.table()].map(quoted_name).join(".");
        format!("CREATE TABLE {name} (\n{}\n)\nUSING DELTA;\n", lines.join(",\n"))
    }
}

/// A column's line; `between` goes between its type and its comment.
pub(crate) fn column_line(field: &SqlField, between: &str) -> String {
    format!(
        "  {} {}{}{between}{}",
        quoted_name(&field.name),
        sql_type(&field.sql_type),
        not_null(field),
        comment(field)
    )
}

/// The type in SQL syntax.
#[must_use]
pub(crate) fn sql_type(written: &SqlType) -> String {
    match written {
        SqlType::Array(element) => format!("ARRAY<{}>", sql_type(element)),
        SqlType::Map(key, value) => format!("MAP<{}, {}>", sql_type(key), sql_type(value)),
        // The names are known keywords and collations.
        SqlType::Named(name) => match resolve(name) {
            Name::Scalar(scalar) if !name.contains(' ') => scalar.to_string(),
            _ => name.to_uppercase(),
        },
        SqlType::Struct(fields) => {
            let fields = fields.iter().map(|field| {
                format!(
                    "{}: {}{}{}",
                    quoted_name(&field.name),
                    sql_type(&field.sql_type),
                    not_null(field),
                    comment(field)
                )
            });
            format!("STRUCT<{}>", fields.collect::<Vec<_>>().join(", "))
        }
    }
}

const fn not_null(field: &SqlField) -> &'static str {
    if field.nullable { "" } else { " NOT NULL" }
}

fn comment(field: &SqlField) -> String {
    field.comment.as_deref().map(|comment| format!(" COMMENT {}", quoted(comment))).unwrap_or_default()
}

/// A name in SQL syntax, in backticks.
#[must_use]
#[cfg_attr(not(feature = "ddl"), expect(unreachable_pub, reason = "`ddl` exports it"))]
pub fn quoted_name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// The text as an SQL string, on one line and without characters that a terminal would interpret.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        // Writing to a String cannot fail.
        let _ = match c {
            '\'' | '\\' => write!(quoted, "\\{c}"),
            '\n' => write!(quoted, "\\n"),
            c if rewrites_the_line(c) => write!(quoted, "\\u{:04X}", u32::from(c)),
            c => write!(quoted, "{c}"),
        };
    }
    quoted.push('\'');
    quoted
}

/// Reads the quoted string at the start; returns its text and the rest.
///
/// ```text
/// string := quote { escape | quote quote | any but quote } quote        quote is \' or "
/// escape := "\" ( "0" | "b" | "n" | "r" | "t" | "Z" | octal octal octal | "u" 4 hex | "U" 8 hex )
///         | "\" ( "%" | "_" )                                           stays as it is, for LIKE
///         | "\" any                                                     the character itself
/// ```
///
/// # Errors
/// With the reason, if there is no such string.
pub(crate) fn unquoted(text: &str) -> Result<(String, &str), String> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"')).ok_or("a string is in quotes")?;
    let mut rest = &text[1..];
    // UTF-16, because two `\u` escapes may be the surrogates of one character.
    let mut units: Vec<u16> = Vec::new();
    loop {
        let mut chars = rest.chars();
        match chars.next().ok_or("a string's quotes are not closed")? {
            '\\' => rest = escaped(chars.as_str(), &mut units),
            c if c == quote && chars.as_str().starts_with(quote) => {
                units.push(c as u16);
                rest = &chars.as_str()[1..];
            }
            c if c == quote => return Ok((String::from_utf16_lossy(&units), chars.as_str())),
            c => {
                units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
                rest = chars.as_str();
            }
        }
    }
}

/// Reads an escape after its backslash, and returns the rest.
fn escaped<'a>(text: &'a str, units: &mut Vec<u16>) -> &'a str {
    let Some(c) = text.chars().next() else { return text };
    let number = |skip: usize, digits: usize, radix: u32| {
        let written = text.get(skip..skip + digits).filter(|digits| digits.chars().all(|c| c.is_digit(radix)))?;
        let character = u32::from_str_radix(written, radix).ok()?;
        Some((character, &text[skip + digits..]))
    };
    let numbered = match c {
        'u' => number(1, 4, 16),
        'U' => number(1, 8, 16),
        '0' | '1' => number(0, 3, 8),
        _ => None,
    };
    if let Some((character, rest)) = numbered {
        if let Ok(unit) = u16::try_from(character) {
            units.push(unit);
        } else {
            let character = char::from_u32(character).unwrap_or(char::REPLACEMENT_CHARACTER);
            units.extend_from_slice(character.encode_utf16(&mut [0; 2]));
        }
        return rest;
    }
    let meant = match c {
        '0' => '\0',
        'b' => '\u{8}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'Z' => '\u{1a}',
        '%' | '_' => {
            units.push(u16::from(b'\\'));
            c
        }
        other => other,
    };
    units.extend_from_slice(meant.encode_utf16(&mut [0; 2]));
    &text[c.len_utf8()..]
}
