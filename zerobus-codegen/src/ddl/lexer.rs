//! The lexer: splits SQL text into lexemes with their places, using sqlparser's tokenizer. White space and comments are
//! dropped, so that a comment cannot hide in a type.

use std::any::TypeId;

use sqlparser::dialect::{DatabricksDialect, Dialect, GenericDialect};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::problem::{DdlProblem, Place};

/// A token and its place.
#[derive(Debug, Clone)]
pub(super) struct Lexeme<'a> {
    pub(super) token: Token,
    /// The text as written.
    pub(super) text: &'a str,
    pub(super) place: Place,
    /// Whether white space or a comment precedes it.
    pub(super) apart: bool,
    /// Whether it is the first on its line.
    pub(super) first: bool,
}

/// Databricks' dialect, with raw strings (`r'C:\new'`), which sqlparser supports only in its generic dialect, and with
/// letters beyond ASCII in words, so that an error can name the word.
#[derive(Debug)]
struct Databricks;

impl Dialect for Databricks {
    fn dialect(&self) -> TypeId {
        TypeId::of::<GenericDialect>()
    }

    fn is_delimited_identifier_start(&self, c: char) -> bool {
        DatabricksDialect.is_delimited_identifier_start(c)
    }

    fn is_identifier_start(&self, c: char) -> bool {
        c == '_' || c.is_alphabetic()
    }

    fn is_identifier_part(&self, c: char) -> bool {
        c == '_' || c.is_alphanumeric()
    }

    fn supports_nested_comments(&self) -> bool {
        DatabricksDialect.supports_nested_comments()
    }

    fn supports_numeric_prefix(&self) -> bool {
        DatabricksDialect.supports_numeric_prefix()
    }

    fn supports_pipe_operator(&self) -> bool {
        DatabricksDialect.supports_pipe_operator()
    }

    fn supports_string_literal_backslash_escape(&self) -> bool {
        DatabricksDialect.supports_string_literal_backslash_escape()
    }
}

/// The lexemes of a text whose first line has this number. If the tokenizer stops early, also the problem; the lexemes
/// before it are valid.
pub(super) fn lexemes(text: &str, first_line: u32) -> (Vec<Lexeme<'_>>, Option<DdlProblem>) {
    let mut tokens = Vec::new();
    let ended = Tokenizer::new(&Databricks, text).with_unescape(false).tokenize_with_location_into_buf(&mut tokens);
    let mut walk = Walk { text, at: 0, line: 1, column: 1 };
    let (mut lexemes, mut apart, mut last_line) = (Vec::new(), true, 0);
    let end = tokens.last().map_or(Location::new(1, 1), |token| token.span.end);
    for TokenWithSpan { token, span } in tokens {
        if matches!(token, Token::Whitespace(_) | Token::EOF) {
            apart = true;
            continue;
        }
        let start = walk.to(span.start);
        let written = &text[start..walk.to(span.end)];
        let place = place(span.start, first_line);
        let first = place.line != last_line;
        last_line = first_line + u32::try_from(span.end.line).unwrap_or(u32::MAX - first_line) - 1;
        push(&mut lexemes, Lexeme { token, text: written, place, apart, first });
        apart = false;
    }
    let problem = ended.err().map(|error| {
        let rest = &text[walk.to(end)..];
        DdlProblem::new(place(end, first_line), unreadable(rest, &error.message))
    });
    (lexemes, problem)
}

/// Adds a lexeme. `>>` and `<>` become two, because they may be brackets of types.
fn push<'a>(lexemes: &mut Vec<Lexeme<'a>>, lexeme: Lexeme<'a>) {
    let (first, second) = match lexeme.text {
        ">>" => (Token::Gt, Token::Gt),
        "<>" => (Token::Lt, Token::Gt),
        _ => return lexemes.push(lexeme),
    };
    let (left, right) = lexeme.text.split_at(1);
    let mut behind = lexeme.place;
    behind.column += 1;
    lexemes.push(Lexeme { token: first, text: left, ..lexeme });
    lexemes.push(Lexeme { token: second, text: right, place: behind, apart: false, first: false });
}

fn place(location: Location, first_line: u32) -> Place {
    let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    Place { line: first_line.saturating_add(number(location.line) - 1), column: number(location.column) }
}

/// The reason why the tokenizer stopped.
fn unreadable(rest: &str, message: &str) -> String {
    let what = match rest.trim_start().chars().next() {
        Some('/') => "a comment that begins with `/*` here is not closed",
        Some('\'' | '"' | 'b' | 'B' | 'n' | 'N' | 'r' | 'R' | 'x' | 'X') => "the string that begins here is not closed",
        Some('`') => "the name in backticks that begins here is not closed",
        Some('$') => "the text between `$$` that begins here is not closed",
        _ => return format!("this cannot be read: {message}"),
    };
    what.to_owned()
}

/// Converts lines and columns, which only increase, to byte offsets.
struct Walk<'a> {
    text: &'a str,
    at: usize,
    line: u64,
    column: u64,
}

impl Walk<'_> {
    fn to(&mut self, location: Location) -> usize {
        let mut chars = self.text[self.at..].chars();
        while (self.line, self.column) < (location.line, location.column) {
            let Some(c) = chars.next() else { break };
            self.at += c.len_utf8();
            if c == '\n' {
                (self.line, self.column) = (self.line + 1, 1);
            } else {
                self.column += 1;
            }
        }
        self.at
    }
}

/// The text of lexemes, with one space where white space or a comment separated two.
pub(super) fn text(lexemes: &[Lexeme<'_>]) -> String {
    let mut text = String::new();
    for (i, lexeme) in lexemes.iter().enumerate() {
        if i > 0 && lexeme.apart {
            text.push(' ');
        }
        text.push_str(lexeme.text);
    }
    text
}
