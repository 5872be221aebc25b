//! The set of tables that statements built so far.

use std::collections::HashMap;

use super::create_table::{Create, Existing};
use super::draft::Draft;
use super::problem::DdlProblem;

/// A table that a statement created.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: [String; 3],
    /// The table; `None` if it is unknown because a statement about it could not be read.
    pub(super) draft: Option<Draft>,
    /// The number of the text that created it, counted from 0.
    pub(super) text: usize,
}

/// Every table, in the order of creation.
#[derive(Debug, Default)]
pub(super) struct TableSet {
    /// A dropped table leaves `None`.
    entries: Vec<Option<Entry>>,
    /// The index of each table in `entries`, by its name in lower case: Unity Catalog compares names without regard to
    /// case.
    places: HashMap<String, usize>,
}

impl TableSet {
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().flatten()
    }

    pub(super) fn find(&mut self, name: &[String; 3]) -> Option<&mut Entry> {
        let place = *self.places.get(&key(name))?;
        self.entries.get_mut(place)?.as_mut()
    }

    /// Adds the table that a statement creates. Returns a warning if it exists already.
    ///
    /// # Errors
    /// With all problems that prevent the statement from being read or run.
    pub(super) fn create(&mut self, create: Create, text: usize) -> Result<Option<DdlProblem>, Vec<DdlProblem>> {
        let Create { place, name, existing, table } = create;
        let full_name = name.join(".");
        let (draft, problems) = match table {
            Ok(draft) => (Some(draft), Vec::new()),
            Err(problems) => (None, problems),
        };
        let mut warning = None;
        match self.find(&name) {
            None => {
                self.places.insert(key(&name), self.entries.len());
                self.entries.push(Some(Entry { name, draft, text }));
            }
            Some(entry) if existing == Existing::Replaced => *entry = Entry { name, draft, text },
            Some(entry) if existing == Existing::Kept => {
                let differs = draft.zip(entry.draft.as_ref()).is_some_and(|(new, old)| new.row != old.row);
                let what = "the table exists already, so this statement changes nothing, but its columns differ";
                warning = differs.then(|| DdlProblem::new(place, what).of(&full_name));
            }
            Some(_) => {
                let what =
                    "it is created a second time; remove one of the two statements, or write CREATE OR REPLACE TABLE";
                return Err(vec![DdlProblem::new(place, what).of(&full_name)]);
            }
        }
        if problems.is_empty() { Ok(warning) } else { Err(problems) }
    }

    /// Removes a table.
    pub(super) fn remove(&mut self, name: &[String; 3]) {
        if let Some(place) = self.places.remove(&key(name)) {
            self.entries[place] = None;
        }
    }

    /// Whether a table's name ends with these parts.
    pub(super) fn is_any_called(&self, parts: &[String]) -> bool {
        let same = |(a, b): (&String, &String)| a.to_lowercase() == b.to_lowercase();
        self.entries().any(|entry| entry.name.iter().rev().zip(parts.iter().rev()).all(same))
    }

    /// Renames a table.
    pub(super) fn rename(&mut self, name: &[String; 3], to: [String; 3]) {
        let Some(place) = self.places.remove(&key(name)) else { return };
        self.places.insert(key(&to), place);
        if let Some(entry) = &mut self.entries[place] {
            if let Some(draft) = &mut entry.draft {
                draft.name.clone_from(&to);
            }
            entry.name = to;
        }
    }

    /// The names of the tables that begin with these parts.
    pub(super) fn within(&self, parts: &[String]) -> Vec<[String; 3]> {
        let within = |entry: &&Entry| entry.name.iter().zip(parts).all(|(a, b)| a.to_lowercase() == b.to_lowercase());
        self.entries().filter(within).map(|entry| entry.name.clone()).collect()
    }
}

fn key(name: &[String; 3]) -> String {
    name.join(".").to_lowercase()
}
