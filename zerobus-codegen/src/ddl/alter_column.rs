//! The actions of ALTER TABLE on columns and nested fields.
//!
//! ```text
//! columns  := ADD [ COLUMN | COLUMNS ] ( "(" added { "," added } ")" | added { "," added } )
//!           | ( ALTER | CHANGE ) [ COLUMN ] altered { "," altered }
//!           | DROP [ COLUMN | COLUMNS ] [ IF EXISTS ] ( "(" path { "," path } ")" | path { "," path } )
//!           | RENAME COLUMN path TO name | REPLACE COLUMNS "(" added { "," added } ")"
//! added    := [ IF NOT EXISTS ] path type { property } [ FIRST | AFTER name ]
//! altered  := path ( { COMMENT string | FIRST | AFTER name } | TYPE type | SET NOT NULL | DROP NOT NULL
//!           | SET DEFAULT expression | DROP DEFAULT | SYNC IDENTITY | SET MASK any | DROP MASK | ( SET | UNSET ) TAGS any
//!           | [ name ] type { COMMENT string | FIRST | AFTER name } )                        only CHANGE COLUMN
//! path     := name { "." name }              a field of a STRUCT; `element`, `key` and `value` for an ARRAY and a MAP
//! ```

use std::collections::BTreeMap;

use sqlparser::tokenizer::Token;

use super::alter::Done;
use super::clauses::has_name;
use super::column::Once;
use super::cursor::Cursor;
use super::draft::{Draft, Position};
use super::problem::DdlProblem;
use crate::model::ColumnSource;

impl Cursor<'_, '_> {
    pub(super) fn added_columns(&mut self, draft: &mut Draft) -> Done {
        loop {
            self.added(draft)?;
            if !self.take_token(&Token::Comma) {
                return Ok(());
            }
        }
    }

    fn added(&mut self, draft: &mut Draft) -> Done {
        let keeps = self.take(&["IF", "NOT", "EXISTS"]);
        let at = self.clone();
        let mut path = self.dotted_name("the new column's name")?;
        if keeps && draft.field_mut(&path).is_ok() {
            self.column_named(&path.join("."))?;
            return self.position().map(drop);
        }
        let name = path.pop().unwrap_or_default();
        let column = self.column_named(&name)?;
        let position = self.position()?.unwrap_or(Position::Last);
        draft.add(&path, column, &position).map_err(|reason| at.problem(reason))
    }

    /// `FIRST` or `AFTER name`, if one of them comes next.
    fn position(&mut self) -> Result<Option<Position>, DdlProblem> {
        if self.take(&["FIRST"]) {
            return Ok(Some(Position::First));
        }
        if self.take(&["AFTER"]) {
            let mut name = self.dotted_name("a column's name")?;
            return Ok(name.pop().map(Position::After));
        }
        Ok(None)
    }

    pub(super) fn alter_column(&mut self, draft: &mut Draft) -> Done {
        let changes = self.take(&["CHANGE"]);
        if !changes {
            self.expect(&["ALTER"])?;
            if self.take(&["SCHEDULE"]) {
                return self.schedule();
            }
            if self.take(&["TRIGGER", "ON", "UPDATE"]) {
                return self.trigger();
            }
        }
        self.take(&["COLUMN"]);
        let mut seen = Vec::new();
        loop {
            let at = self.clone();
            let path = self.dotted_name("a column's name")?;
            draft.type_mut(&path).map_err(|reason| at.problem(reason))?;
            if has_name(&seen, &path) {
                return Err(at.problem(format!("`{}` is altered twice; write two statements", path.join("."))));
            }
            seen.push(path.clone());
            if changes && !self.looks_at_alteration() {
                self.change(draft, &path)?;
            } else {
                self.altered(draft, &path)?;
            }
            if !self.take_token(&Token::Comma) {
                return Ok(());
            }
        }
    }

    /// Whether CHANGE COLUMN continues like ALTER COLUMN and not with a type.
    fn looks_at_alteration(&self) -> bool {
        ["AFTER", "COMMENT", "DROP", "FIRST", "SET", "SYNC", "TYPE", "UNSET"].iter().any(|word| self.looks_at(&[word]))
    }

    fn altered(&mut self, draft: &mut Draft, path: &[String]) -> Done {
        let at = self.clone();
        let at_path = |reason: String| at.problem(reason);
        if self.take(&["TYPE"]) {
            let sql_type = self.sql_type()?;
            *draft.type_mut(path).map_err(at_path)? = sql_type;
        } else if self.take(&["SET", "NOT", "NULL"]) {
            draft.field_mut(path).map_err(at_path)?.nullable = false;
        } else if self.take(&["DROP", "NOT", "NULL"]) {
            draft.field_mut(path).map_err(at_path)?.nullable = true;
        } else if self.take(&["SET", "DEFAULT"]) {
            let source = ColumnSource::Default(self.expression("SET DEFAULT")?);
            draft.set_source(path, Some(source)).map_err(at_path)?;
        } else if self.take(&["DROP", "DEFAULT"]) {
            draft.set_source(path, None).map_err(at_path)?;
        } else if self.take(&["SET", "MASK"]) {
            self.mask()?;
        } else if self.take(&["SET", "TAGS"]) || self.take(&["UNSET", "TAGS"]) {
            self.parentheses("tags")?;
        } else if !(self.take(&["SYNC", "IDENTITY"]) || self.take(&["DROP", "MASK"])) {
            return self.comment_and_position(draft, path);
        }
        Ok(())
    }

    fn comment_and_position(&mut self, draft: &mut Draft, path: &[String]) -> Done {
        let start = self.rest.len();
        let mut once = Once::default();
        loop {
            let at = self.clone();
            if self.take(&["COMMENT"]) {
                once.check(&at, "COMMENT", "COMMENT")?;
                let comment = self.strings()?;
                draft.field_mut(path).map_err(|reason| at.problem(reason))?.comment = Some(comment);
            } else if let Some(position) = self.position()? {
                once.check(&at, "FIRST or AFTER", "position")?;
                draft.reorder(path, &position).map_err(|reason| at.problem(reason))?;
            } else if self.rest.len() == start {
                return Err(self.expected("what to alter of the column: TYPE, SET NOT NULL, COMMENT, FIRST, AFTER"));
            } else {
                return Ok(());
            }
        }
    }

    /// `CHANGE COLUMN old [new] type …`, Hive's syntax.
    fn change(&mut self, draft: &mut Draft, path: &[String]) -> Done {
        let at = self.clone();
        let mut ahead = self.clone();
        // A type follows the new name.
        if let (Ok(name), Ok(_)) = (ahead.name("a column's name"), ahead.sql_type()) {
            if path.last().is_none_or(|old| !old.eq_ignore_ascii_case(&name)) {
                return Err(at.problem("CHANGE COLUMN cannot rename a column; write RENAME COLUMN … TO …"));
            }
            self.step();
        }
        let sql_type = self.sql_type()?;
        *draft.type_mut(path).map_err(|reason| at.problem(reason))? = sql_type;
        if self.is_at_end() || self.token() == Some(&Token::Comma) {
            return Ok(());
        }
        self.comment_and_position(draft, path)
    }

    pub(super) fn drop_columns(&mut self, draft: &mut Draft) -> Done {
        let _ = self.take(&["COLUMNS"]) || self.take(&["COLUMN"]);
        let at_most = self.take(&["IF", "EXISTS"]);
        let at = self.clone();
        let paths = if self.token() == Some(&Token::LParen) {
            self.names("columns")?
        } else {
            let mut paths = vec![self.dotted_name("a column's name")?];
            while self.take_token(&Token::Comma) {
                paths.push(self.dotted_name("a column's name")?);
            }
            paths
        };
        for path in paths {
            if !at_most || draft.field_mut(&path).is_ok() {
                draft.remove(&path).map_err(|reason| at.problem(reason))?;
            }
        }
        Ok(())
    }

    pub(super) fn rename_column(&mut self, draft: &mut Draft) -> Done {
        let at = self.clone();
        self.expect(&["RENAME"])?;
        if !self.take(&["COLUMN"]) {
            return Err(at.unknown_action());
        }
        let path = self.dotted_name("a column's name")?;
        self.expect(&["TO"])?;
        let to = self.name("the column's new name")?;
        draft.rename(&path, &to).map_err(|reason| at.problem(reason))
    }

    pub(super) fn replace_columns(&mut self, draft: &mut Draft) -> Done {
        let at = self.clone();
        if !self.take(&["REPLACE", "COLUMNS"]) {
            return Err(at.unknown_action());
        }
        let mut inside = self.parentheses("columns")?;
        let mut replaced = Draft { row: Draft::new(draft.name.clone()).row, sources: BTreeMap::new(), ..draft.clone() };
        inside.added_columns(&mut replaced)?;
        inside.finish("a comma")?;
        for partition in &replaced.partitions.clone() {
            replaced.field_mut(std::slice::from_ref(partition)).map_err(|reason| at.problem(reason))?;
        }
        *draft = replaced;
        Ok(())
    }
}
