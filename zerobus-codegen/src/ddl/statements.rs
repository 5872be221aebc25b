//! Splits a text into statements.
//!
//! ```text
//! cell      := { statement [ ";" | go ] }
//! go        := "GO" [ number ]                             alone on its line
//! statement := block | { any }                             up to ";", to go, or to the plain start of the next one
//! block     := [ label ":" ] BEGIN … END [ label ] | [CREATE [OR REPLACE]] PROCEDURE … BEGIN … END
//! ```
//! A statement plainly starts at CREATE … TABLE, REPLACE TABLE, ALTER TABLE, DROP TABLE, COMMENT ON and USE CATALOG |
//! SCHEMA | DATABASE, each followed by a name. At the start of a line and outside of parentheses, it also starts at
//! CREATE followed by an object that can be created, INSERT INTO | OVERWRITE, GRANT and REVOKE … ON, and USE.

use sqlparser::tokenizer::Token;

use super::lexer::Lexeme;

/// The statements of a cell, without their terminators; empty ones are left out.
pub(super) fn statements<'s, 'a>(lexemes: &'s [Lexeme<'a>]) -> Vec<&'s [Lexeme<'a>]> {
    let mut statements = Vec::new();
    let mut rest = lexemes;
    while !rest.is_empty() {
        let end = block(rest).unwrap_or_else(|| plain(rest));
        let (statement, behind) = rest.split_at(end);
        if !statement.is_empty() {
            statements.push(statement);
        }
        let separator =
            if behind.first().is_some_and(|lexeme| lexeme.token == Token::SemiColon) { 1 } else { go(behind) };
        rest = &behind[separator..];
    }
    statements
}

/// The number of lexemes of a statement that is not a block.
fn plain(lexemes: &[Lexeme<'_>]) -> usize {
    let mut depth = 0_usize;
    for (at, lexeme) in lexemes.iter().enumerate() {
        let rest = &lexemes[at..];
        match lexeme.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::SemiColon => return at,
            _ if depth == 0 && go(rest) > 0 || at > 0 && begins(&lexemes[..at], rest, depth) => return at,
            _ => {}
        }
    }
    lexemes.len()
}

/// The number of lexemes of a `GO` alone on its line, or 0.
fn go(lexemes: &[Lexeme<'_>]) -> usize {
    let [word, rest @ ..] = lexemes else { return 0 };
    if !(word.first && is(word, "GO")) {
        return 0;
    }
    match rest {
        [] => 1,
        [next, ..] if next.first => 1,
        [Lexeme { token: Token::Number(..), .. }, rest @ ..] if rest.first().is_none_or(|next| next.first) => 2,
        _ => 0,
    }
}

/// Whether a statement plainly starts here, after these lexemes of the one before and at this depth of parentheses.
fn begins(before: &[Lexeme<'_>], rest: &[Lexeme<'_>], depth: usize) -> bool {
    // SHOW CREATE TABLE and EXPLAIN contain a statement and do not run it; CREATE OR continues.
    let goes_on = before.last().is_some_and(|last| is(last, "SHOW") || is(last, "OR"));
    if goes_on || is(&before[0], "EXPLAIN") && before.len() <= 2 {
        return false;
    }
    let words = |words: &[&str]| takes(rest, words);
    let at_line = rest[0].first && depth == 0;
    if let Some(behind) = words(&["USE"]) {
        let kind = ["CATALOG", "SCHEMA", "DATABASE"].iter().find_map(|kind| takes(behind, &[kind]));
        return kind.map_or(at_line && names_something(behind), names_something);
    }
    if let Some(behind) = words(&["CREATE"]).or_else(|| words(&["REPLACE"])) {
        return table(behind).is_some_and(names_something) || at_line && creates(behind);
    }
    if let Some(behind) = words(&["ALTER", "TABLE"]).or_else(|| words(&["DROP", "TABLE"])) {
        return names_something(behind);
    }
    words(&["COMMENT", "ON"]).is_some() || at_line && (inserts(rest) || grants(rest))
}

fn inserts(lexemes: &[Lexeme<'_>]) -> bool {
    takes(lexemes, &["INSERT", "INTO"]).or_else(|| takes(lexemes, &["INSERT", "OVERWRITE"])).is_some()
}

/// Whether this is GRANT or REVOKE, and not a column with that name.
fn grants(lexemes: &[Lexeme<'_>]) -> bool {
    let mut statement = lexemes.iter().take_while(|lexeme| lexeme.token != Token::SemiColon);
    (is(&lexemes[0], "GRANT") || is(&lexemes[0], "REVOKE")) && statement.any(|lexeme| is(lexeme, "ON"))
}

/// The lexemes after TABLE and the words that can precede it.
fn table<'s, 'a>(lexemes: &'s [Lexeme<'a>]) -> Option<&'s [Lexeme<'a>]> {
    const BETWEEN: &[&str] =
        &["EXTERNAL", "LIVE", "OR", "PRIVATE", "REFRESH", "REPLACE", "STREAMING", "TEMP", "TEMPORARY"];
    let between = lexemes.iter().take_while(|lexeme| BETWEEN.iter().any(|word| is(lexeme, word))).count();
    takes(&lexemes[between..], &["TABLE"])
}

/// Whether CREATE is followed by an object that can be created, so that it is not a column with that name.
fn creates(lexemes: &[Lexeme<'_>]) -> bool {
    const KINDS: &[&str] =
        &["CATALOG", "DATABASE", "FUNCTION", "MATERIALIZED", "OR", "PROCEDURE", "SCHEMA", "VIEW", "VOLUME"];
    lexemes.first().is_some_and(|lexeme| KINDS.iter().any(|kind| is(lexeme, kind)))
        && lexemes.get(1).is_some_and(|lexeme| !matches!(lexeme.token, Token::Comma) && !is(lexeme, "ON"))
}

/// Whether a name may follow: in a list of privileges (`GRANT CREATE TABLE ON SCHEMA …`), ON or a comma does.
fn names_something(lexemes: &[Lexeme<'_>]) -> bool {
    lexemes.first().is_some_and(|lexeme| {
        !matches!(lexeme.token, Token::Comma | Token::SemiColon | Token::RParen)
            && !is(lexeme, "ON")
            && !is(lexeme, "TO")
    })
}

/// The end of a block that starts here: after its END.
fn block(lexemes: &[Lexeme<'_>]) -> Option<usize> {
    let begin = if is_block(lexemes) {
        0
    } else if let [_, Lexeme { token: Token::Colon, .. }, labelled @ ..] = lexemes
        && is_block(labelled)
    {
        2
    } else {
        let behind = takes(lexemes, &["CREATE"])?;
        let behind = takes(behind, &["OR", "REPLACE"]).unwrap_or(behind);
        takes(behind, &["PROCEDURE"])?;
        lexemes.iter().position(|lexeme| is(lexeme, "BEGIN") || lexeme.token == Token::SemiColon)?
    };
    if !is(&lexemes[begin], "BEGIN") {
        return None;
    }
    let mut depth = 0_usize;
    for (at, lexeme) in lexemes.iter().enumerate().skip(begin) {
        let before = at.checked_sub(1).map(|at| &lexemes[at]);
        if before.is_some_and(|before| is(before, "END")) {
            // END CASE, END IF: the END is already counted.
            continue;
        }
        depth += usize::from(is(lexeme, "BEGIN") || is(lexeme, "CASE") || opens(lexeme, before));
        if is(lexeme, "END") {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                // A label may follow.
                let label = lexemes.get(at + 1).is_some_and(|next| matches!(next.token, Token::Word(_)) && !next.first);
                return Some(at + 1 + usize::from(label));
            }
        }
    }
    Some(lexemes.len())
}

/// Whether BEGIN starts a block here, not a transaction.
pub(super) fn is_block(lexemes: &[Lexeme<'_>]) -> bool {
    let Some(behind) = takes(lexemes, &["BEGIN"]) else { return false };
    behind.first().is_some_and(|next| {
        next.token != Token::SemiColon && !["TRAN", "TRANSACTION", "WORK"].iter().any(|word| is(next, word))
    })
}

/// Whether a word opens a part that has its own END; `IF (…)` and `REPEAT(…)` are functions elsewhere.
fn opens(lexeme: &Lexeme<'_>, before: Option<&Lexeme<'_>>) -> bool {
    let opens = ["FOR", "IF", "LOOP", "REPEAT", "WHILE"].iter().any(|word| is(lexeme, word));
    let begins = before.is_none_or(|before| {
        matches!(before.token, Token::SemiColon | Token::Colon)
            || ["BEGIN", "DO", "ELSE", "LOOP", "REPEAT", "THEN"].iter().any(|word| is(before, word))
    });
    opens && begins
}

/// Whether a lexeme is this word, and not in backticks.
pub(super) fn is(lexeme: &Lexeme<'_>, expected: &str) -> bool {
    matches!(&lexeme.token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(expected))
}

/// The lexemes after these words, if the lexemes begin with all of them.
pub(super) fn takes<'s, 'a>(lexemes: &'s [Lexeme<'a>], words: &[&str]) -> Option<&'s [Lexeme<'a>]> {
    let (first, rest) = lexemes.split_at_checked(words.len())?;
    first.iter().zip(words).all(|(lexeme, word)| is(lexeme, word)).then_some(rest)
}
