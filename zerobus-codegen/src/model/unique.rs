//! Unique names within a scope.

use std::collections::{HashMap, HashSet};

/// The names that are taken in a scope.
#[derive(Debug, Default)]
pub(crate) struct UniqueNames {
    taken: HashSet<String>,
    /// The next number to try for a taken name, so that many equal names cost no more than different ones.
    next: HashMap<String, usize>,
}

impl UniqueNames {
    /// Takes a name, and returns whether it was free.
    pub(crate) fn take(&mut self, name: &str) -> bool {
        self.taken.insert(name.to_owned())
    }

    /// Takes the name itself, or the first of name2, name3, ... that is free.
    pub(crate) fn unique(&mut self, name: &str) -> String {
        if self.take(name) {
            return name.to_owned();
        }
        let next = self.next.entry(name.to_owned()).or_insert(2);
        loop {
            let numbered = format!("{name}{next}");
            *next += 1;
            if self.taken.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}

impl<S: Into<String>> FromIterator<S> for UniqueNames {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        Self { taken: names.into_iter().map(Into::into).collect(), next: HashMap::new() }
    }
}
