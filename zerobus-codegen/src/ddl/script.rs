//! A script: applies statements in order and collects the tables that they build.
//!
//! ```text
//! statement := create                                                  CREATE … TABLE, in `create_table`
//!            | alter                                                   ALTER TABLE, in `alter`
//!            | DROP TABLE [ IF EXISTS ] name [ PURGE ]
//!            | DROP ( CATALOG | SCHEMA | DATABASE ) [ IF EXISTS ] name [ CASCADE | RESTRICT ]
//!            | COMMENT ON ( TABLE | COLUMN ) name IS ( string | NULL )
//!            | USE [ CATALOG | SCHEMA | DATABASE ] name | SET CATALOG name
//!            | untouched                                               in `untouched`
//! ```

use sqlparser::tokenizer::Token;

use super::cells::cells;
use super::context::Context;
use super::create_table;
use super::cursor::Cursor;
use super::draft::Draft;
use super::lexer::{Lexeme, lexemes};
use super::problem::{DdlProblem, Place};
use super::statements::statements;
use super::table_set::TableSet;
use super::untouched::untouched;
use crate::TableInfo;

/// The tables that a sequence of texts of statements builds, such as the files of a folder of migrations.
///
/// ```
/// use zerobus_codegen::ddl::Script;
///
/// let mut script = Script::default();
/// let first = script.read("CREATE TABLE main.geo.quakes (id STRING NOT NULL, mag DOUBLE);");
/// let second = script.read("ALTER TABLE main.geo.quakes ADD COLUMN depth DOUBLE; CREATE TABLE main.geo.x (a BIGNIT);");
/// assert!(first.problems.is_empty());
/// assert_eq!(
///     second.problems[0].to_string(),
///     "line 1, column 81: table main.geo.x: column a: `BIGNIT` is not a type of Databricks SQL; did you mean BIGINT?"
/// );
/// let tables: Vec<_> = script.tables().collect();
/// assert_eq!(tables.len(), 1);
/// assert_eq!(tables[0].1.columns.len(), 3);
/// ```
#[derive(Debug, Default)]
pub struct Script {
    tables: TableSet,
    texts: usize,
}

/// The problems and warnings of a text of statements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Findings {
    /// Problems in the order of the text. A table with a problem is not among the tables.
    pub problems: Vec<DdlProblem>,
    /// Warnings about statements that were read, but may have another effect than assumed.
    pub warnings: Vec<DdlProblem>,
}

impl Script {
    /// Applies the statements of one more text. USE applies to the end of its text.
    pub fn read(&mut self, text: &str) -> Findings {
        let number = self.texts;
        self.texts += 1;
        let mut run =
            Run { tables: &mut self.tables, text: number, context: Context::default(), findings: Findings::default() };
        let (cells, warnings) = cells(text);
        run.findings.warnings = warnings;
        for cell in cells {
            let (lexemes, unread) = lexemes(&cell.sql, cell.line);
            let statements = statements(&lexemes);
            for (left, statement) in (0..statements.len()).rev().zip(statements) {
                // The last statement is incomplete if the text after it cannot be read.
                let whole = left > 0 || unread.is_none() || is_over(&lexemes);
                run.statement(statement, whole);
            }
            run.findings.problems.extend(unread);
        }
        run.findings.problems.sort_by_key(|problem| problem.place);
        run.findings.warnings.sort_by_key(|warning| warning.place);
        run.findings
    }

    /// The tables that could be read, in the order of their creation, each with the number of the text that created it,
    /// counted from 0.
    pub fn tables(&self) -> impl Iterator<Item = (usize, TableInfo)> {
        self.tables.entries().filter_map(|entry| Some((entry.text, entry.draft.as_ref()?.table_info())))
    }
}

/// Whether the last statement is complete.
fn is_over(lexemes: &[Lexeme<'_>]) -> bool {
    lexemes.last().is_none_or(|last| last.token == Token::SemiColon)
}

/// The state while one text is read.
struct Run<'t> {
    tables: &'t mut TableSet,
    text: usize,
    context: Context,
    findings: Findings,
}

impl Run<'_> {
    /// Applies a statement. Problems of an incomplete one are dropped: the text's own problem is already reported.
    fn statement(&mut self, lexemes: &[Lexeme<'_>], whole: bool) {
        let before = self.findings.problems.len();
        if let Err(problem) = self.follow(&mut Cursor::new(lexemes)) {
            self.findings.problems.push(problem);
        }
        if !whole {
            self.findings.problems.truncate(before);
        }
    }

    fn follow(&mut self, cursor: &mut Cursor<'_, '_>) -> Result<(), DdlProblem> {
        let place = cursor.place();
        if (cursor.looks_at(&["CREATE"]) || cursor.looks_at(&["REPLACE"]))
            && let Some(create) = create_table::read(cursor, &self.context)?
        {
            match self.tables.create(create, self.text) {
                Ok(warning) => self.findings.warnings.extend(warning),
                Err(problems) => self.findings.problems.extend(problems),
            }
            return Ok(());
        }
        if cursor.take(&["ALTER", "TABLE"]) || cursor.take(&["ALTER", "STREAMING", "TABLE"]) {
            return self.alter(cursor);
        }
        if cursor.take(&["DROP", "TABLE"]) {
            return self.drop_table(cursor);
        }
        for words in [["DROP", "CATALOG"], ["DROP", "SCHEMA"], ["DROP", "DATABASE"]] {
            if cursor.take(&words) {
                return self.drop_schema(cursor, words[1]);
            }
        }
        if cursor.take(&["COMMENT", "ON"]) {
            return self.comment(cursor);
        }
        if cursor.take(&["USE"]) || cursor.looks_at(&["SET", "CATALOG"]) && cursor.take(&["SET"]) {
            return self.context.follow(cursor);
        }
        let warning = untouched(cursor)?;
        self.findings.warnings.extend(warning.map(|text| DdlProblem::new(place, text)));
        Ok(())
    }

    fn table_name(&self, cursor: &mut Cursor<'_, '_>) -> Result<[String; 3], DdlProblem> {
        let place = cursor.place();
        self.context.table(cursor.dotted_name("the table's name")?, place)
    }

    fn alter(&mut self, cursor: &mut Cursor<'_, '_>) -> Result<(), DdlProblem> {
        let perhaps = cursor.take(&["IF", "EXISTS"]);
        let place = cursor.place();
        let name = self.table_name(cursor)?;
        let full_name = name.join(".");
        let Some(entry) = self.tables.find(&name) else {
            let what = "no statement before this one creates the table, so the result of ALTER TABLE is not known; put its CREATE TABLE first";
            return if perhaps { Ok(()) } else { Err(DdlProblem::new(place, what).of(&full_name)) };
        };
        if cursor.looks_at(&["RENAME", "TO"]) {
            return self.rename_table(cursor, &name);
        }
        // The problem that made the table unknown is already reported.
        let Some(draft) = &mut entry.draft else { return Ok(()) };
        let outcome = cursor.alter(draft).map_err(|problem| problem.of(&full_name));
        if outcome.is_err() {
            entry.draft = None;
        }
        outcome
    }

    fn rename_table(&mut self, cursor: &mut Cursor<'_, '_>, name: &[String; 3]) -> Result<(), DdlProblem> {
        cursor.expect(&["RENAME", "TO"])?;
        let place = cursor.place();
        let mut parts = cursor.dotted_name("the table's new name")?;
        cursor.finish("the end of ALTER TABLE")?;
        // Missing parts are taken from the old name.
        let kept = 3_usize.saturating_sub(parts.len());
        parts.splice(0..0, name[..kept].iter().cloned());
        let to: [String; 3] = self.context.table(parts, place)?;
        if self.tables.find(&to).is_some_and(|entry| entry.name != *name) {
            return Err(DdlProblem::new(place, format!("there is a table {} already", to.join("."))).of(&to.join(".")));
        }
        self.tables.rename(name, to);
        Ok(())
    }

    fn drop_table(&mut self, cursor: &mut Cursor<'_, '_>) -> Result<(), DdlProblem> {
        cursor.take(&["IF", "EXISTS"]);
        let place = cursor.place();
        let parts = cursor.dotted_name("the table's name")?;
        cursor.take(&["PURGE"]);
        cursor.finish("the end of DROP TABLE")?;
        // If no table has this name, nothing is dropped in any catalog or schema.
        if self.tables.is_any_called(&parts) {
            self.tables.remove(&self.context.table(parts, place)?);
        }
        Ok(())
    }

    fn drop_schema(&mut self, cursor: &mut Cursor<'_, '_>, kind: &str) -> Result<(), DdlProblem> {
        cursor.take(&["IF", "EXISTS"]);
        let at = cursor.clone();
        let parts = cursor.dotted_name("a name")?;
        let cascades = cursor.take(&["CASCADE"]);
        let _ = cascades || cursor.take(&["RESTRICT"]);
        cursor.finish(&format!("the end of DROP {kind}"))?;
        let parts = match (kind, &parts[..]) {
            ("CATALOG", [_]) => parts,
            ("CATALOG", _) => return Err(at.expected("a catalog's name")),
            _ => self
                .context
                .schema(&parts)
                .map(Vec::from)
                .ok_or_else(|| at.expected("a schema's name, catalog.schema"))?,
        };
        let tables = self.tables.within(&parts);
        if !(tables.is_empty() || cascades) {
            let (name, count) = (parts.join("."), tables.len());
            return Err(at.problem(format!("{name} has {count} tables here, and is dropped with CASCADE only")));
        }
        for table in &tables {
            self.tables.remove(table);
        }
        Ok(())
    }

    fn comment(&mut self, cursor: &mut Cursor<'_, '_>) -> Result<(), DdlProblem> {
        let place = cursor.place();
        let (table, column) = (cursor.take(&["TABLE"]), cursor.take(&["COLUMN"]));
        if !table && !column {
            // The comment of a catalog or a schema is ignored.
            return Ok(());
        }
        let parts = cursor.dotted_name("a name")?;
        cursor.expect(&["IS"])?;
        let comment = if cursor.take(&["NULL"]) { None } else { Some(cursor.strings()?) };
        cursor.finish("the end of COMMENT ON")?;
        if table {
            let name = self.context.table(parts, place)?;
            if let Some(draft) = self.draft(&name) {
                draft.comment = comment;
            }
            return Ok(());
        }
        self.comment_column(&parts, place, comment)
    }

    /// Applies COMMENT ON COLUMN. The column's name may begin with one, two or all three parts of the table's name.
    fn comment_column(&mut self, parts: &[String], place: Place, comment: Option<String>) -> Result<(), DdlProblem> {
        for length in (1..=3.min(parts.len() - 1)).rev() {
            let Ok(name) = self.context.table(parts[..length].to_vec(), place) else { continue };
            if let Some(draft) = self.draft(&name) {
                let field = draft.field_mut(&parts[length..]);
                field.map_err(|reason| DdlProblem::new(place, reason).of(&name.join(".")))?.comment = comment;
                return Ok(());
            }
        }
        Ok(())
    }

    fn draft(&mut self, name: &[String; 3]) -> Option<&mut Draft> {
        self.tables.find(name)?.draft.as_mut()
    }
}
