//! ALTER TABLE: applies each action to the table as built so far.
//!
//! ```text
//! alter    := ALTER [ STREAMING ] TABLE [ IF EXISTS ] name ( RENAME TO name | action )
//! action   := columns                                                                       in `alter_column`
//!           | ADD constraint | ADD [ IF NOT EXISTS ] PARTITION any
//!           | ( ADD | ALTER ) ( SCHEDULE schedule | TRIGGER ON UPDATE trigger )
//!           | DROP ( CONSTRAINT [ IF EXISTS ] name | PRIMARY KEY | FOREIGN KEY [ IF EXISTS ] names ) [ RESTRICT | CASCADE ]
//!           | DROP ( FEATURE name [ TRUNCATE HISTORY ] | [ IF EXISTS ] PARTITION any | ROW FILTER | SCHEDULE | TRIGGER )
//!           | SET TBLPROPERTIES properties | UNSET TBLPROPERTIES [ IF EXISTS ] "(" key { "," key } ")"
//!           | SET LOCATION location | SET MANAGED any | UNSET MANAGED any
//!           | [ SET ] OWNER TO name | ( SET | UNSET ) TAGS any | SET ROW FILTER any
//!           | CLUSTER BY ( names | AUTO | NONE ) | DEFAULT COLLATION ( name | string ) | RECOVER PARTITIONS | PARTITION any
//!           | ( ENABLE | DISABLE | INHERIT ) PREDICTIVE OPTIMIZATION
//! ```
//! Anything else is an error. So is an action that the table does not allow, since its result is unknown.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::draft::{Draft, Kind};
use super::problem::DdlProblem;
use crate::likely;

/// The result of an action: `Err` if it could not be applied.
pub(super) type Done = Result<(), DdlProblem>;

impl Cursor<'_, '_> {
    /// Applies the actions after the table's name.
    pub(super) fn alter(&mut self, draft: &mut Draft) -> Done {
        self.action(draft)?;
        self.finish("the end of ALTER TABLE")
    }

    fn action(&mut self, draft: &mut Draft) -> Done {
        let word = self.keyword().unwrap_or_default();
        match word.as_str() {
            "ADD" => self.add(draft),
            "ALTER" | "CHANGE" => self.alter_column(draft),
            "DROP" => self.drop(draft),
            "RENAME" => self.rename_column(draft),
            "REPLACE" => self.replace_columns(draft),
            "SET" => self.set(draft),
            "UNSET" => self.unset(draft),
            _ => self.other(draft),
        }
    }

    pub(super) fn unknown_action(&self) -> DdlProblem {
        const ACTIONS: &[&str] =
            &["ADD", "ALTER", "CHANGE", "CLUSTER", "DROP", "OWNER", "RENAME", "REPLACE", "SET", "UNSET"];
        let likely = self
            .keyword()
            .and_then(|word| likely(&word, ACTIONS.iter().copied()))
            .filter(|likely| !self.looks_at(&[likely]));
        match likely {
            Some(likely) => self.expected(&format!("an action of ALTER TABLE, likely {likely}")),
            None => self.problem(format!(
                "this action of ALTER TABLE is not supported, from {} on; write the resulting table as CREATE \
                 TABLE",
                self.found()
            )),
        }
    }

    fn other(&mut self, draft: &mut Draft) -> Done {
        if self.take(&["CLUSTER", "BY"]) {
            return self.cluster(draft);
        }
        if self.take(&["OWNER", "TO"]) {
            return self.dotted_name("the owner").or_else(|_| self.string().map(|owner| vec![owner])).map(drop);
        }
        if self.take(&["DEFAULT", "COLLATION"]) {
            return self.collation_name();
        }
        let harmless: &[&[&str]] = &[
            &["DISABLE", "PREDICTIVE", "OPTIMIZATION"],
            &["ENABLE", "PREDICTIVE", "OPTIMIZATION"],
            &["INHERIT", "PREDICTIVE", "OPTIMIZATION"],
            &["RECOVER", "PARTITIONS"],
        ];
        if harmless.iter().any(|words| self.take(words)) {
            return Ok(());
        }
        if self.take(&["PARTITION"]) {
            // The action is about a partition's location or values, not about columns.
            self.rest = &[];
            return Ok(());
        }
        Err(self.unknown_action())
    }

    fn add(&mut self, draft: &mut Draft) -> Done {
        let at = self.clone();
        self.expect(&["ADD"])?;
        if self.begins_constraint() {
            return self.constraint()?.apply(draft).map_err(|reason| at.problem(reason));
        }
        if self.take(&["PARTITION"]) || self.take(&["IF", "NOT", "EXISTS", "PARTITION"]) {
            self.rest = &[];
            return Ok(());
        }
        if self.take(&["SCHEDULE"]) {
            return self.schedule();
        }
        if self.take(&["TRIGGER", "ON", "UPDATE"]) {
            return self.trigger();
        }
        let _ = self.take(&["COLUMNS"]) || self.take(&["COLUMN"]);
        if self.token() != Some(&Token::LParen) {
            return self.added_columns(draft);
        }
        let mut inside = self.parentheses("columns")?;
        inside.added_columns(draft)?;
        inside.finish("a comma")
    }

    fn drop(&mut self, draft: &mut Draft) -> Done {
        self.expect(&["DROP"])?;
        if self.take(&["CONSTRAINT"]) {
            self.take(&["IF", "EXISTS"]);
            let name = self.name("the constraint's name")?;
            draft.drop_constraint(&name);
            self.restrict_or_cascade();
            return Ok(());
        }
        if self.take(&["PRIMARY", "KEY"]) {
            self.take(&["IF", "EXISTS"]);
            draft.drop_primary_key();
            self.restrict_or_cascade();
            return Ok(());
        }
        if self.take(&["FOREIGN", "KEY"]) {
            self.take(&["IF", "EXISTS"]);
            self.names("columns")?;
            self.restrict_or_cascade();
            return Ok(());
        }
        if self.take(&["FEATURE"]) {
            let name = self.property_key()?;
            draft.properties.remove(&format!("delta.feature.{name}"));
            self.take(&["TRUNCATE", "HISTORY"]);
            return Ok(());
        }
        if self.take(&["PARTITION"]) || self.take(&["IF", "EXISTS", "PARTITION"]) {
            self.rest = &[];
            return Ok(());
        }
        let harmless: &[&[&str]] = &[&["ROW", "FILTER"], &["SCHEDULE"], &["TRIGGER"]];
        if harmless.iter().any(|words| self.take(words)) {
            return Ok(());
        }
        self.drop_columns(draft)
    }

    fn restrict_or_cascade(&mut self) {
        let _ = self.take(&["RESTRICT"]) || self.take(&["CASCADE"]);
    }

    fn set(&mut self, draft: &mut Draft) -> Done {
        let at = self.clone();
        self.expect(&["SET"])?;
        if self.take(&["TBLPROPERTIES"]) {
            let properties = self.properties()?;
            draft.properties.extend(properties);
        } else if self.take(&["LOCATION"]) {
            self.location()?;
            draft.kind = Kind::External;
        } else if self.take(&["MANAGED"]) {
            draft.kind = Kind::Managed;
            self.rest = &[];
            return Ok(());
        } else if self.take(&["OWNER", "TO"]) {
            self.dotted_name("the owner").or_else(|_| self.string().map(|owner| vec![owner]))?;
        } else if self.take(&["TAGS"]) {
            self.parentheses("tags")?;
        } else if self.take(&["ROW", "FILTER"]) {
            self.row_filter()?;
        } else {
            return Err(at.unknown_action());
        }
        Ok(())
    }

    fn unset(&mut self, draft: &mut Draft) -> Done {
        let at = self.clone();
        self.expect(&["UNSET"])?;
        if self.take(&["TAGS"]) {
            return self.parentheses("tags").map(drop);
        }
        if self.take(&["MANAGED"]) {
            draft.kind = Kind::External;
            self.rest = &[];
            return Ok(());
        }
        if !self.take(&["TBLPROPERTIES"]) {
            return Err(at.unknown_action());
        }
        self.take(&["IF", "EXISTS"]);
        let mut inside = self.parentheses("properties")?;
        loop {
            draft.properties.remove(&inside.property_key()?);
            if !inside.take_token(&Token::Comma) {
                return inside.finish("a comma");
            }
        }
    }
}
