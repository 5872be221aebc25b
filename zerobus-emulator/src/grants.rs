//! What principals may do: GRANT statements, by the service's rules.
//!
//! A stream needs SELECT and MODIFY, granted by name on the table itself. ALL PRIVILEGES and privileges inherited from
//! a schema or a catalog suffice for a token, but not for a stream. Without any statement every principal may write to
//! every table.
//!
//! The entitlement Workspace access has no statement: every principal has it unless it was removed.
//!
//! ```text
//! statement  = GRANT privilege {, privilege} ON kind name TO principal ;
//! privilege  = SELECT | MODIFY | USE CATALOG | USE SCHEMA | ALL PRIVILEGES | …
//! kind       = CATALOG | SCHEMA | DATABASE | TABLE | VIEW, TABLE if it is left out
//! name       = part {. part}
//! ```
//! Parts and principals may be quoted; `--` and `/* */` are comments.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use zerobus_codegen::{Printable, TableName};

use crate::refusal::Refusal;

/// Why a file of grants could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GrantsError {
    /// The file could not be read.
    #[error("{} cannot be read; name a file of GRANT statements", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A statement that is not a valid GRANT statement.
    #[error("{}, line {line}: {what}; write `GRANT SELECT, MODIFY ON TABLE catalog.schema.table TO principal;`", .path.display())]
    Statement {
        /// The file.
        path: PathBuf,
        /// The line number, from 1.
        line: usize,
        /// What is wrong there.
        what: String,
    },
}

/// All grants, by principal.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    /// Objects and privileges in upper case; `None` if no file was read.
    by_principal: Option<BTreeMap<String, Vec<Grant>>>,
    /// The principals without the entitlement Workspace access.
    without_access: BTreeSet<String>,
}

#[derive(Debug)]
struct Grant {
    /// The parts of the object's name: one is a catalog, two a schema, three a table.
    object: Vec<String>,
    privilege: String,
}

/// A word of a statement, and the line that it is in.
#[derive(Debug, PartialEq)]
struct Word {
    text: String,
    line: usize,
    is_quoted: bool,
}

impl Grants {
    /// Removes the entitlement Workspace access from a principal.
    pub(crate) fn take_access(&mut self, principal: String) {
        self.without_access.insert(principal);
    }

    /// Checks that a principal may use the workspace at all.
    pub(crate) fn check_access(&self, principal: &str) -> Result<(), Refusal> {
        if self.without_access.contains(principal) {
            return Err(Refusal::missing_entitlement(principal));
        }
        Ok(())
    }

    /// Adds the statements of a file.
    pub(crate) fn read(&mut self, path: &Path) -> Result<(), GrantsError> {
        let text = std::fs::read_to_string(path).map_err(|source| GrantsError::Io { path: path.to_owned(), source })?;
        let added = self.add(&text);
        added.map_err(|(line, what)| GrantsError::Statement { path: path.to_owned(), line, what })
    }

    fn add(&mut self, text: &str) -> Result<(), (usize, String)> {
        let words = words(text)?;
        let by_principal = self.by_principal.get_or_insert_default();
        for statement in words.split(|word| word.text == ";" && !word.is_quoted).filter(|words| !words.is_empty()) {
            let (principal, grants) = statement_of(statement)?;
            by_principal.entry(principal).or_default().extend(grants);
        }
        Ok(())
    }

    /// Whether a principal gets a token for the table: the privileges may come from a schema or a catalog.
    pub(crate) fn gets_token(&self, principal: &str, table: &TableName) -> bool {
        self.has(principal, "USE CATALOG", table, 1)
            && self.has(principal, "USE SCHEMA", table, 2)
            && (self.has(principal, "SELECT", table, 3) || self.has(principal, "MODIFY", table, 3))
    }

    /// Whether a principal may write to the table.
    pub(crate) fn check(&self, principal: &str, table: &TableName) -> Result<(), Refusal> {
        if !self.has(principal, "MODIFY", table, 3) {
            return Err(Refusal::missing_privilege(table, "MODIFY"));
        }
        match ["SELECT", "MODIFY"].into_iter().find(|privilege| !self.has_by_name(principal, privilege, table)) {
            Some(privilege) => Err(Refusal::missing_explicit_grant(table, privilege)),
            None => Ok(()),
        }
    }

    /// Whether a privilege is granted on the object that the table's first parts name, or on one above it. ALL
    /// PRIVILEGES counts.
    fn has(&self, principal: &str, privilege: &str, table: &TableName, parts: usize) -> bool {
        let name = parts_of(table);
        self.of(principal).is_none_or(|mut grants| {
            grants.any(|grant| {
                (grant.privilege == privilege || grant.privilege == "ALL PRIVILEGES")
                    && grant.object.len() <= parts
                    && name.starts_with(&grant.object)
            })
        })
    }

    fn has_by_name(&self, principal: &str, privilege: &str, table: &TableName) -> bool {
        let name = parts_of(table);
        self.of(principal)
            .is_none_or(|mut grants| grants.any(|grant| grant.privilege == privilege && grant.object == name))
    }

    /// The privileges of a principal on an object, each with the name of the object that it was granted on.
    pub(crate) fn effective(&self, principal: &str, object: &[&str]) -> Vec<(&str, Vec<String>)> {
        let object: Vec<String> = object.iter().map(|part| part.to_uppercase()).collect();
        let Some(grants) = self.of(principal) else {
            let needed: &[&str] = match object.len() {
                1 => &["USE CATALOG"],
                2 => &["USE SCHEMA"],
                _ => &["SELECT", "MODIFY"],
            };
            return needed.iter().map(|privilege| (*privilege, object.clone())).collect();
        };
        let reaches = grants.filter(|grant| object.starts_with(&grant.object));
        reaches.map(|grant| (grant.privilege.as_str(), grant.object.clone())).collect()
    }

    /// `None` if there are no grants at all.
    fn of(&self, principal: &str) -> Option<impl Iterator<Item = &Grant>> {
        let all = self.by_principal.as_ref()?;
        Some(all.get(principal).into_iter().flatten())
    }
}

fn parts_of(table: &TableName) -> Vec<String> {
    [table.catalog(), table.schema(), table.table()].map(str::to_uppercase).into()
}

fn statement_of(words: &[Word]) -> Result<(String, Vec<Grant>), (usize, String)> {
    let line = words.first().map_or(1, |word| word.line);
    let is = |word: &Word, text: &str| !word.is_quoted && word.text.eq_ignore_ascii_case(text);
    let find = |text: &str| {
        let missing = || (line, format!("the statement has no {text}"));
        words.iter().position(|word| is(word, text)).ok_or_else(missing)
    };
    if !words.first().is_some_and(|word| is(word, "GRANT")) {
        let found = words.first().map_or("nothing", |word| word.text.as_str());
        return Err((line, format!("{} is not GRANT", Printable(found))));
    }
    let (on, to) = (find("ON")?, find("TO")?);
    if to < on {
        return Err((line, "TO is before ON".to_owned()));
    }
    let [principal] = &words[to + 1..] else {
        return Err((line, "expected one principal after TO; quote a name of several words".to_owned()));
    };
    let object = object_of(&words[on + 1..to]).ok_or_else(|| (line, "the object has no name like a.b.c".to_owned()))?;
    let privileges = words[1..on].split(|word| word.text == ",").map(|words| {
        let texts: Vec<String> = words.iter().map(|word| word.text.to_uppercase()).collect();
        texts.join(" ")
    });
    let grants = privileges.map(|privilege| Grant { object: object.clone(), privilege }).collect::<Vec<_>>();
    if grants.iter().any(|grant| grant.privilege.is_empty()) {
        return Err((line, "a privilege is missing".to_owned()));
    }
    Ok((principal.text.clone(), grants))
}

/// The parts of an object's name behind its kind.
fn object_of(words: &[Word]) -> Option<Vec<String>> {
    let (kind, name) = match words {
        [kind, name @ ..] if words.get(1).is_some_and(|next| next.text != ".") => (kind.text.to_uppercase(), name),
        name => ("TABLE".to_owned(), name),
    };
    let expected = match kind.as_str() {
        "CATALOG" => 1,
        "SCHEMA" | "DATABASE" => 2,
        "TABLE" | "VIEW" => 3,
        _ => return None,
    };
    let parts: Vec<String> = name.iter().step_by(2).map(|word| word.text.to_uppercase()).collect();
    let dots = name.iter().skip(1).step_by(2).all(|word| word.text == "." && !word.is_quoted);
    (dots && name.len() % 2 == 1 && parts.len() == expected).then_some(parts)
}

/// The words and signs of a text, without comments.
fn words(text: &str) -> Result<Vec<Word>, (usize, String)> {
    let mut words = Vec::new();
    let (mut line, mut rest) = (1, text);
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").ok_or_else(|| (line, "a comment has no end".to_owned()))? + 2
        } else if first.is_whitespace() {
            first.len_utf8()
        } else if ['`', '"', '\''].contains(&first) {
            let end = rest[1..].find(first).ok_or_else(|| (line, "a quoted name has no end".to_owned()))?;
            words.push(Word { text: rest[1..=end].to_owned(), line, is_quoted: true });
            end + 2
        } else if [';', ',', '.'].contains(&first) {
            words.push(Word { text: first.to_string(), line, is_quoted: false });
            1
        } else {
            let is_end = |c: char| c.is_whitespace() || ";,.`\"'".contains(c);
            let end = rest.find(is_end).unwrap_or(rest.len());
            words.push(Word { text: rest[..end].to_owned(), line, is_quoted: false });
            end
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(text: &str) -> Grants {
        let mut grants = Grants::default();
        grants.add(text).unwrap();
        grants
    }

    #[test]
    fn a_stream_needs_grants_on_its_table_by_name() {
        let table: TableName = "main.sales.orders".parse().unwrap();
        let base = "GRANT USE CATALOG ON CATALOG main TO app; grant use schema on schema MAIN.`sales` to `app`;";
        let cases = [
            ("GRANT SELECT, MODIFY ON TABLE main.sales.orders TO app;", true, None),
            ("GRANT SELECT, MODIFY ON main.SALES.orders TO 'app'", true, None),
            ("GRANT ALL PRIVILEGES ON TABLE main.sales.orders TO app;", true, Some("Error Code: 4024")),
            ("GRANT SELECT, MODIFY ON SCHEMA main.sales TO app;", true, Some("Error Code: 4024")),
            ("GRANT SELECT ON TABLE main.sales.orders TO app;", true, Some("Error Code: 3")),
            ("GRANT SELECT, MODIFY ON TABLE main.sales.other TO app;", false, Some("Error Code: 3")),
            ("GRANT SELECT, MODIFY ON TABLE main.sales.orders TO other;", false, Some("Error Code: 3")),
        ];
        for (statement, token, refusal) in cases {
            let grants = grants(&format!("{base} -- for app;\n/* ; */ {statement}"));
            assert_eq!(grants.gets_token("app", &table), token, "{statement}");
            let checked = grants.check("app", &table).map_err(|refusal| refusal.to_string());
            assert_eq!(checked.is_ok(), refusal.is_none(), "{statement}: {checked:?}");
            assert!(refusal.is_none_or(|code| checked.unwrap_err().contains(code)), "{statement}");
        }
        let without_schema =
            grants("GRANT USE CATALOG ON CATALOG main TO app; GRANT SELECT, MODIFY ON main.sales.orders TO app");
        assert!(!without_schema.gets_token("app", &table));
        let none = Grants::default();
        assert!(none.gets_token("anybody", &table) && none.check("anybody", &table).is_ok());
        assert!(!grants("").gets_token("app", &table));
    }

    #[test]
    fn text_that_is_no_grant_is_an_error_with_its_line() {
        let bad = [
            ("\nREVOKE SELECT ON TABLE a.b.c FROM x", 2),
            ("GRANT SELECT TO x", 1),
            ("GRANT SELECT ON TABLE a.b.c", 1),
            ("GRANT SELECT ON TABLE a.b TO x", 1),
            ("GRANT SELECT ON FUNCTION a.b.c TO x", 1),
            ("GRANT SELECT, ON TABLE a.b.c TO x", 1),
            ("GRANT SELECT ON TABLE a.b.c TO x y", 1),
            ("GRANT SELECT ON TABLE a.b.c TO `x", 1),
            ("/* \n", 1),
            ("GRANT SELECT ON TABLE a..c TO x", 1),
            ("GRANT SELECT ON TO x", 1),
        ];
        for (text, line) in bad {
            assert_eq!(Grants::default().add(text).unwrap_err().0, line, "{text}");
        }
    }
}
