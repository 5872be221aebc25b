//! A cursor over the rest of a statement: words, names, strings, numbers, parentheses.

use sqlparser::tokenizer::Token;

use super::lexer::{Lexeme, text};
use super::problem::{DdlProblem, Place};
use super::statements::{is, takes};
use crate::model::unquoted;

/// The rest of a statement, or of the parentheses in one.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'s, 'a> {
    pub(super) rest: &'s [Lexeme<'a>],
    end: End,
}

/// The place and the text of the end, for errors there.
#[derive(Debug, Clone, Copy)]
struct End {
    place: Place,
    found: &'static str,
}

impl<'s, 'a> Cursor<'s, 'a> {
    pub(super) fn new(rest: &'s [Lexeme<'a>]) -> Self {
        let place = rest.last().map_or(Place { line: 1, column: 1 }, behind);
        Self { rest, end: End { place, found: "the end of the statement" } }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn place(&self) -> Place {
        self.rest.first().map_or(self.end.place, |lexeme| lexeme.place)
    }

    pub(super) fn token(&self) -> Option<&'s Token> {
        self.rest.first().map(|lexeme| &lexeme.token)
    }

    /// Skips one lexeme.
    pub(super) fn step(&mut self) {
        self.rest = self.rest.split_first().map_or(self.rest, |(_, rest)| rest);
    }

    pub(super) fn looks_at(&self, words: &[&str]) -> bool {
        takes(self.rest, words).is_some()
    }

    /// Takes these words if they all come next.
    pub(super) fn take(&mut self, words: &[&str]) -> bool {
        let Some(rest) = takes(self.rest, words) else { return false };
        self.rest = rest;
        true
    }

    /// Takes this token if it comes next.
    pub(super) fn take_token(&mut self, token: &Token) -> bool {
        let found = self.token() == Some(token);
        if found {
            self.step();
        }
        found
    }

    pub(super) fn expect(&mut self, words: &[&str]) -> Result<(), DdlProblem> {
        if self.take(words) { Ok(()) } else { Err(self.expected(&words.join(" "))) }
    }

    pub(super) fn expect_token(&mut self, token: &Token) -> Result<(), DdlProblem> {
        if self.take_token(token) { Ok(()) } else { Err(self.expected(&format!("`{token}`"))) }
    }

    /// The next lexeme as a keyword in upper case, if it is a word without backticks.
    pub(super) fn keyword(&self) -> Option<String> {
        match self.token()? {
            Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_uppercase()),
            _ => None,
        }
    }

    /// One part of a name.
    pub(super) fn name(&mut self, what: &str) -> Result<String, DdlProblem> {
        if let Some(problem) = self.variable() {
            return Err(problem);
        }
        let name = match self.token() {
            // Without unescaping, a doubled backtick stays doubled.
            Some(Token::Word(word)) if word.quote_style.is_some() => word.value.replace("``", "`"),
            // `2024.t` is one word to the tokenizer.
            Some(Token::Word(word)) if word.value.contains('.') => {
                return Err(self.expected(&format!("{what}; put each part that begins with a digit in backticks")));
            }
            Some(Token::Word(word)) => word.value.clone(),
            // A name may begin with a digit, or consist of digits.
            Some(Token::Number(number, false)) if number.bytes().all(|b| b.is_ascii_digit()) => number.clone(),
            Some(Token::DoubleQuotedString(name)) => {
                let hint = format!("{what} in backticks (`{name}`), because quotes are for strings");
                return Err(self.expected(&hint));
            }
            Some(Token::LBracket) => return Err(self.expected(&format!("{what}, in backticks if it needs them"))),
            _ => return Err(self.expected(what)),
        };
        let at = self.clone();
        self.step();
        if let [Lexeme { token: Token::Minus | Token::Div, apart: false, .. }, ..] = self.rest {
            return Err(at.expected(&format!("{what}; put a name that is not of letters, digits and `_` in backticks")));
        }
        // `main_${env}`: a variable directly after a name is part of the name.
        if let [Lexeme { token: Token::Placeholder(_) | Token::LBrace, apart: false, .. }, ..] = self.rest {
            return Err(self.expected(what));
        }
        Ok(name)
    }

    /// A name of several parts, with dots between them.
    pub(super) fn dotted_name(&mut self, what: &str) -> Result<Vec<String>, DdlProblem> {
        let mut parts = vec![self.name(what)?];
        while self.take_token(&Token::Period) {
            parts.push(self.name(&format!("the next part of {what}"))?);
        }
        Ok(parts)
    }

    /// The error for a variable here, which would be substituted before the statement runs.
    fn variable(&self) -> Option<DdlProblem> {
        let written = match self.token()? {
            Token::Placeholder(_) | Token::LBrace | Token::AtSign => text(&self.rest[..self.glued()]),
            Token::Colon if self.rest.get(1).is_some_and(|next| !next.apart) => text(&self.rest[..2]),
            Token::Word(word) if is_template(&word.value) => self.rest[0].text.trim_matches('`').to_owned(),
            Token::Word(_) if is(&self.rest[0], "IDENTIFIER") && self.rest.get(1)?.token == Token::LParen => {
                let text = "IDENTIFIER(…) is evaluated when the statement runs; write the name out";
                return Some(self.problem(text));
            }
            _ => return None,
        };
        Some(self.problem(format!(
            "`{written}` is a variable, which is not replaced here; write it out, or replace variables before the file is read"
        )))
    }

    /// The number of lexemes here without space between them, or inside the braces that open here.
    fn glued(&self) -> usize {
        let mut depth = 0_i32;
        let ends = |(at, lexeme): (usize, &Lexeme<'_>)| {
            let over = at > 0 && depth == 0 && (lexeme.apart || matches!(lexeme.token, Token::Comma | Token::RParen));
            depth += i32::from(lexeme.token == Token::LBrace) - i32::from(lexeme.token == Token::RBrace);
            over
        };
        self.rest.iter().enumerate().position(ends).unwrap_or(self.rest.len())
    }

    /// The text of a string.
    pub(super) fn string(&mut self) -> Result<String, DdlProblem> {
        let string = match self.token() {
            Some(Token::SingleQuotedString(_) | Token::DoubleQuotedString(_)) => {
                let (string, _) = unquoted(self.rest[0].text).map_err(|reason| self.problem(reason))?;
                string
            }
            // A raw string has no escapes.
            Some(Token::SingleQuotedRawStringLiteral(raw) | Token::DoubleQuotedRawStringLiteral(raw)) => raw.clone(),
            _ => return Err(self.expected("a string in quotes")),
        };
        self.step();
        Ok(string)
    }

    /// The text of adjacent strings, which form one string.
    pub(super) fn strings(&mut self) -> Result<String, DdlProblem> {
        let mut text = self.string()?;
        while let Ok(more) = self.string() {
            text.push_str(&more);
        }
        Ok(text)
    }

    /// A whole number, with its sign.
    pub(super) fn integer(&mut self) -> Result<i64, DdlProblem> {
        let mut ahead = self.clone();
        let sign = if ahead.take_token(&Token::Minus) { "-" } else { "" };
        let number = match ahead.token() {
            Some(Token::Number(number, _)) => format!("{sign}{number}").parse().ok(),
            _ => None,
        };
        let number = number.ok_or_else(|| self.expected("a whole number"))?;
        ahead.step();
        *self = ahead;
        Ok(number)
    }

    /// The content of the parentheses that follow.
    pub(super) fn parentheses(&mut self, what: &str) -> Result<Self, DdlProblem> {
        if self.token() != Some(&Token::LParen) {
            return Err(self.expected(&format!("{what} in parentheses")));
        }
        let mut depth = 0_usize;
        for (at, lexeme) in self.rest.iter().enumerate() {
            match lexeme.token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                let end = End { place: lexeme.place, found: "`)`" };
                let inside = Self { rest: &self.rest[1..at], end };
                self.rest = &self.rest[at + 1..];
                return Ok(inside);
            }
        }
        Err(self.problem("unclosed parenthesis"))
    }

    /// Names with commas between them, in parentheses.
    pub(super) fn names(&mut self, what: &str) -> Result<Vec<Vec<String>>, DdlProblem> {
        let mut inside = self.parentheses(what)?;
        let mut names = vec![inside.dotted_name(what)?];
        while inside.take_token(&Token::Comma) {
            names.push(inside.dotted_name(what)?);
        }
        inside.finish("a comma")?;
        Ok(names)
    }

    /// The end, or an error.
    pub(super) fn finish(&self, expected: &str) -> Result<(), DdlProblem> {
        if self.is_at_end() { Ok(()) } else { Err(self.expected(expected)) }
    }

    /// The error for an unexpected lexeme here.
    pub(super) fn expected(&self, what: &str) -> DdlProblem {
        if let Some(variable) = self.variable() {
            return variable;
        }
        self.problem(format!("expected {what}, found {}", self.found()))
    }

    /// An error at this place.
    pub(super) fn problem(&self, text: impl Into<String>) -> DdlProblem {
        DdlProblem::new(self.place(), text)
    }

    /// The next lexeme, in backticks.
    pub(super) fn found(&self) -> String {
        match self.rest.first() {
            Some(lexeme) if lexeme.text.starts_with('`') => lexeme.text.to_owned(),
            Some(lexeme) => format!("`{}`", lexeme.text),
            None => self.end.found.to_owned(),
        }
    }
}

/// Whether a name holds `${name}` or `{{ name }}`.
fn is_template(name: &str) -> bool {
    let holds = |open: &str, close: &str| {
        let inside = name.split_once(open).and_then(|(_, rest)| rest.split_once(close));
        inside.is_some_and(|(variable, _)| {
            let variable = variable.trim();
            !variable.is_empty() && variable.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'))
        })
    };
    holds("${", "}") || holds("{{", "}}")
}

/// The place after a lexeme that is on one line.
fn behind(lexeme: &Lexeme<'_>) -> Place {
    let width = u32::try_from(lexeme.text.chars().count()).unwrap_or(0);
    Place { column: lexeme.place.column.saturating_add(width), ..lexeme.place }
}
