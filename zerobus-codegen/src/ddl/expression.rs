//! Expressions: finds where one ends, with sqlparser's parser. Only the tokens that can follow one are decided here.

use sqlparser::dialect::DatabricksDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::cursor::Cursor;
use super::lexer::{Lexeme, lexemes, text};
use super::problem::DdlProblem;
use super::statements::{is, statements, takes};
use crate::model::rewrites_the_line;

impl Cursor<'_, '_> {
    /// The text of the next expression; `behind` names the keyword before it.
    pub(super) fn expression(&mut self, behind: &str) -> Result<String, DdlProblem> {
        if let Some(Token::Placeholder(_) | Token::LBrace) = self.token() {
            return Err(self.expected("a value"));
        }
        let most = limit(self.rest);
        let end = length(&self.rest[..most]).or_else(|reason| {
            // An expression in parentheses ends at the closing one.
            let mut ahead = self.clone();
            match ahead.parentheses("a value") {
                Ok(_) => Ok(self.rest.len() - ahead.rest.len()),
                Err(_) => Err(reason),
            }
        });
        let end = end.map_err(|reason| {
            if most == 0 {
                return self.expected(&format!("a value after {behind}"));
            }
            self.problem(format!("the value after {behind} cannot be read ({reason}); put it in parentheses"))
        })?;
        let (expression, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(text(expression))
    }
}

/// An expression from the catalog, safe to print in a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Printed {
    /// Without parentheses.
    Bare(String),
    /// In parentheses, which mark its end.
    InParentheses(String),
}

/// The text as a single expression without comments; `None` if it could end early and inject SQL.
pub(super) fn printed(written: &str) -> Option<Printed> {
    // Embedded in a statement, it must not begin another statement or end this one.
    let embedded = format!("- {written}");
    let (lexemes, unread) = lexemes(&embedded, 1);
    let one = statements(&lexemes).first().is_some_and(|statement| statement.len() == lexemes.len());
    let (_, inside) = lexemes.split_first()?;
    let expression = text(inside);
    if unread.is_some() || !one || inside.is_empty() || expression.chars().any(rewrites_the_line) {
        return None;
    }
    let mut cursor = Cursor::new(inside);
    if cursor.expression("it").is_ok() && cursor.is_at_end() {
        return Some(Printed::Bare(expression));
    }
    is_balanced(inside).then_some(Printed::InParentheses(expression))
}

/// Whether the parentheses are balanced.
fn is_balanced(lexemes: &[Lexeme<'_>]) -> bool {
    let mut depth = 0_usize;
    for lexeme in lexemes {
        match lexeme.token {
            Token::LParen => depth += 1,
            Token::RParen if depth == 0 => return false,
            Token::RParen => depth -= 1,
            _ => {}
        }
    }
    depth == 0
}

/// The maximum number of lexemes of an expression: up to a comma, an unmatched closing parenthesis, or NOT NULL, which
/// is a clause of the column unless IS precedes it.
fn limit(lexemes: &[Lexeme<'_>]) -> usize {
    let mut depth = 0_usize;
    for (at, lexeme) in lexemes.iter().enumerate() {
        match lexeme.token {
            Token::LParen => depth += 1,
            Token::RParen | Token::Comma if depth == 0 => return at,
            Token::RParen => depth -= 1,
            _ if depth == 0 && at > 0 && is_not_null(&lexemes[at - 1..]) => return at,
            _ => {}
        }
    }
    lexemes.len()
}

/// Whether the clause NOT NULL follows the first lexeme.
fn is_not_null(lexemes: &[Lexeme<'_>]) -> bool {
    takes(&lexemes[1..], &["NOT", "NULL"]).is_some() && !is(&lexemes[0], "IS")
}

/// The number of lexemes of the expression at the start.
fn length(lexemes: &[Lexeme<'_>]) -> Result<usize, String> {
    let (mut tokens, mut ends): (Vec<TokenWithSpan>, Vec<usize>) = (Vec::new(), vec![0]);
    let mut at = 0;
    while at < lexemes.len() {
        let (token, width) = parsed(&lexemes[at..]);
        at += width;
        tokens.push(TokenWithSpan::wrap(token));
        ends.push(at);
    }
    let mut parser = Parser::new(&DatabricksDialect).with_tokens_with_locations(tokens);
    match parser.parse_expr() {
        Ok(_) => Ok(ends[parser.index().min(ends.len() - 1)]),
        Err(error) => {
            let error = error.to_string();
            let reason = error.strip_prefix("sql parser error: ").unwrap_or(&error);
            Err(reason.split(" at Line:").next().unwrap_or_default().to_owned())
        }
    }
}

/// The token at the start for sqlparser's parser, and the number of lexemes that it replaces.
///
/// Only the tokens between operands decide where an expression ends. So a call, CASE … END, an interval and adjacent
/// strings are each one operand, and an operator that the parser does not know is replaced by one that it knows.
fn parsed(lexemes: &[Lexeme<'_>]) -> (Token, usize) {
    let first = &lexemes[0];
    let next = lexemes.get(1).filter(|next| !next.apart).map(|next| &next.token);
    let operand = |width: usize| (Token::Number("1".to_owned(), false), width);
    if let Some(width) = interval(lexemes).or_else(|| case(lexemes)).or_else(|| call(lexemes)) {
        return operand(width);
    }
    match (&first.token, next) {
        (Token::LParen, _) => group(lexemes).map_or((Token::LParen, 1), operand),
        (Token::Lt, Some(Token::Gt)) => (Token::Neq, 2),
        // Shifts: `>>` and `>>>`.
        (Token::Gt, Some(Token::Gt)) => {
            (Token::Plus, lexemes.iter().take_while(|lexeme| lexeme.token == Token::Gt).count())
        }
        (Token::ShiftLeft, _) => (Token::Plus, 1),
        (Token::SingleQuotedString(_) | Token::DoubleQuotedString(_), _) => {
            operand(lexemes.iter().take_while(|lexeme| is_string(lexeme)).count())
        }
        (Token::Word(_), _) if is(first, "DIV") => (Token::Div, 1),
        (Token::Word(_), _) if is(first, "IN") => (Token::Eq, 1),
        (Token::Word(_), _) if takes(lexemes, &["NOT", "IN"]).is_some() => (Token::Eq, 2),
        // A suffix is the type of a number: `1.5D`, `5L`, `0.1BD`.
        (Token::Number(..), Some(Token::Word(_))) if NUMBER_TYPES.iter().any(|word| is(&lexemes[1], word)) => {
            operand(2)
        }
        // A date or a time is written as its type and a string.
        (Token::Word(_), _) if is_typed(lexemes) => operand(2),
        (token, _) => (token.clone(), 1),
    }
}

const NUMBER_TYPES: &[&str] = &["BD", "D", "F", "L", "S", "Y"];

fn is_string(lexeme: &Lexeme<'_>) -> bool {
    matches!(lexeme.token, Token::SingleQuotedString(_) | Token::DoubleQuotedString(_))
}

fn is_typed(lexemes: &[Lexeme<'_>]) -> bool {
    const TYPES: &[&str] = &["DATE", "TIME", "TIMESTAMP", "TIMESTAMP_LTZ", "TIMESTAMP_NTZ"];
    TYPES.iter().any(|word| is(&lexemes[0], word)) && lexemes.get(1).is_some_and(is_string)
}

/// The number of lexemes up to the parenthesis that closes the first one.
fn group(lexemes: &[Lexeme<'_>]) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, lexeme) in lexemes.iter().enumerate() {
        match lexeme.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

/// The number of lexemes of a call, or of a type with parameters: a name and parentheses.
fn call(lexemes: &[Lexeme<'_>]) -> Option<usize> {
    // After these, parentheses are a separate operand or a list.
    const OPERATORS: &[&str] = &[
        "ALL", "AND", "ANY", "BETWEEN", "DIV", "ELSE", "ESCAPE", "FROM", "ILIKE", "IN", "IS", "LIKE", "NOT", "OR",
        "REGEXP", "RLIKE", "SOME", "THEN", "WHEN",
    ];
    let [Lexeme { token: Token::Word(_), .. }, Lexeme { token: Token::LParen, .. }, ..] = lexemes else { return None };
    if OPERATORS.iter().any(|word| is(&lexemes[0], word)) {
        return None;
    }
    group(&lexemes[1..]).map(|width| width + 1)
}

/// The number of lexemes of CASE … END.
fn case(lexemes: &[Lexeme<'_>]) -> Option<usize> {
    if !(takes(lexemes, &["CASE"]).is_some() && lexemes.iter().any(|lexeme| is(lexeme, "WHEN"))) {
        return None;
    }
    let mut depth = 0_usize;
    for (at, lexeme) in lexemes.iter().enumerate() {
        depth += usize::from(is(lexeme, "CASE"));
        depth -= usize::from(is(lexeme, "END"));
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

/// The number of lexemes of an interval: `INTERVAL '1 day'`, `INTERVAL 1 DAY 2 HOURS`, `INTERVAL '1-2' YEAR TO MONTH`.
fn interval(lexemes: &[Lexeme<'_>]) -> Option<usize> {
    const UNITS: &[&str] = &[
        "YEAR",
        "QUARTER",
        "MONTH",
        "WEEK",
        "DAY",
        "HOUR",
        "MINUTE",
        "SECOND",
        "MILLISECOND",
        "MICROSECOND",
        "NANOSECOND",
    ];
    let unit = |at: usize| {
        let Token::Word(word) = &lexemes.get(at)?.token else { return None };
        let word = word.value.to_uppercase();
        UNITS.contains(&word.strip_suffix('S').unwrap_or(&word)).then_some(())
    };
    let number = |at: usize| match lexemes.get(at).map(|lexeme| &lexeme.token) {
        Some(Token::Minus) => matches!(lexemes.get(at + 1)?.token, Token::Number(..)).then_some(2),
        Some(Token::Number(..) | Token::SingleQuotedString(_)) => Some(1),
        _ => None,
    };
    takes(lexemes, &["INTERVAL"])?;
    let mut end = 1 + number(1)?;
    if unit(end).is_none() {
        // The unit is in the string.
        return matches!(lexemes[1].token, Token::SingleQuotedString(_)).then_some(end);
    }
    end += 1;
    if takes(&lexemes[end..], &["TO"]).is_some() && unit(end + 1).is_some() {
        return Some(end + 2);
    }
    while let Some(width) = number(end)
        && unit(end + width).is_some()
    {
        end += width + 1;
    }
    Some(end)
}
