//! Where an expression ends. sqlparser's grammar of expressions decides; ours has only to know what may follow one.

use sqlparser::dialect::DatabricksDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::cursor::Cursor;
use super::lexer::{Lexeme, lexemes, text};
use super::problem::DdlProblem;
use super::statements::{is, takes};
use crate::model::rewrites_the_line;

impl Cursor<'_, '_> {
    /// The text of the expression that comes next, for what stands behind `behind`.
    pub(super) fn expression(&mut self, behind: &str) -> Result<String, DdlProblem> {
        if let Some(Token::Placeholder(_) | Token::LBrace) = self.token() {
            return Err(self.expected("a value"));
        }
        let most = limit(self.rest);
        let end = length(&self.rest[..most]).or_else(|reason| {
            // What stands in parentheses ends where they do, whatever it is.
            let mut ahead = self.clone();
            match ahead.parentheses("a value") {
                Ok(_) => Ok(self.rest.len() - ahead.rest.len()),
                Err(_) => Err(reason),
            }
        });
        let end = end.map_err(|reason| {
            if most == 0 {
                return self.expected(&format!("a value behind {behind}"));
            }
            self.problem(format!("the value behind {behind} cannot be read ({reason}); put it in parentheses"))
        })?;
        let (expression, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(text(expression))
    }
}

/// The text if it is one expression and nothing else, on one line: what a statement may hold as it is.
pub(super) fn whole(text: &str) -> Option<&str> {
    let (lexemes, unread) = lexemes(text, 1);
    let mut cursor = Cursor::new(&lexemes);
    // The text as it is may hold a comment, which would hide what stands behind it.
    let same = cursor.expression("it").is_ok_and(|read| read == text);
    (unread.is_none() && same && cursor.is_at_end() && !text.chars().any(rewrites_the_line)).then_some(text)
}

/// How many lexemes an expression has at most: up to a comma, a parenthesis that it does not open, or NOT NULL, which is a
/// clause of the column here unless IS stands before it.
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

/// Whether the clause NOT NULL stands behind the first lexeme.
fn is_not_null(lexemes: &[Lexeme<'_>]) -> bool {
    takes(&lexemes[1..], &["NOT", "NULL"]).is_some() && !is(&lexemes[0], "IS")
}

/// How many lexemes the expression at the beginning has.
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

/// The token that sqlparser's parser reads at the beginning, and how many lexemes it is.
fn parsed(lexemes: &[Lexeme<'_>]) -> (Token, usize) {
    let first = &lexemes[0];
    let next = lexemes.get(1).filter(|next| !next.apart).map(|next| &next.token);
    let operator = |token: Token| (token, 1);
    match (&first.token, next) {
        (Token::Lt, Some(Token::Gt)) => (Token::Neq, 2),
        // Shifts, of two or three signs; any operator between two values serves.
        (Token::Gt, Some(Token::Gt)) => {
            (Token::Plus, lexemes.iter().take_while(|lexeme| lexeme.token == Token::Gt).count())
        }
        (Token::ShiftLeft, _) => operator(Token::Plus),
        // Strings in a row are one.
        (Token::SingleQuotedString(_) | Token::DoubleQuotedString(_), _) => {
            let strings = |lexeme: &&Lexeme<'_>| {
                matches!(lexeme.token, Token::SingleQuotedString(_) | Token::DoubleQuotedString(_))
            };
            (first.token.clone(), lexemes.iter().take_while(strings).count())
        }
        // What the parser does not know of Databricks, and what it has of the same kind.
        (Token::Word(word), _) if is(first, "DIV") && word.keyword == Keyword::DIV => operator(Token::Div),
        (Token::Word(word), _) if is(first, "TIMESTAMP_LTZ") => {
            operator(Token::Word(Word { value: "TIMESTAMP".to_owned(), keyword: Keyword::TIMESTAMP, ..word.clone() }))
        }
        (token, _) => operator(token.clone()),
    }
}
