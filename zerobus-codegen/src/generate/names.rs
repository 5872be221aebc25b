//! Rust names. Those of catalogs, schemas and tables do not depend on other names; those of columns and their structs
//! are assigned in column order.
//!
//! Columns and structs are spelled by the crate heck. If a name is taken, the first free number of 2, 3, … is appended.
//! An added column comes last, so it never renames another.

use std::collections::HashSet;

use heck::{ToSnakeCase, ToUpperCamelCase};
use proc_macro2::{Ident, Span};

use crate::{module_name, type_name};

/// The keywords of edition 2024 that are allowed as raw identifiers (`r#type`).
const RAW: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else", "enum",
    "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move",
    "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// The keywords that are not even allowed as raw identifiers.
const NEVER: &[&str] = &["Self", "_", "crate", "self", "super"];

/// The spelling of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// Fields and modules: `depth_km`.
    Snake,
    /// Structs: `OrderLines`.
    UpperCamel,
}

/// The names of one scope, each unique.
#[derive(Debug, Default)]
pub(super) struct Scope {
    taken: HashSet<String>,
}

impl Scope {
    /// A unique name for each of these, in order.
    pub(super) fn claim_all(&mut self, case: Case, names: &[&str]) -> Vec<Ident> {
        names.iter().map(|name| self.claim(case, &case.spell(name))).collect()
    }

    fn claim(&mut self, case: Case, spelling: &str) -> Ident {
        let separator = if case == Case::Snake || spelling.ends_with(|c: char| c.is_ascii_digit()) { "_" } else { "" };
        let mut name = spelling.to_owned();
        let mut n = 2;
        while !self.taken.insert(name.clone()) {
            name = format!("{spelling}{separator}{n}");
            n += 1;
        }
        ident(&name)
    }
}

/// The name of a table's struct.
pub(super) fn table_type(table: &str) -> Ident {
    ident(&type_name(table))
}

/// The name of the module of a catalog, a schema or a table.
pub(super) fn module(name: &str) -> Ident {
    ident(&module_name(name))
}

impl Case {
    /// Spells a name. The result is not empty and does not start with a digit, but may be a keyword.
    fn spell(self, name: &str) -> String {
        let ascii: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let spelled = match self {
            Self::Snake => ascii.to_snake_case(),
            Self::UpperCamel => ascii.to_upper_camel_case(),
        };
        match (self, spelled.chars().next()) {
            (Self::Snake, None) => "n".to_owned(),
            (Self::UpperCamel, None) => "N".to_owned(),
            (Self::Snake, Some('0'..='9')) => format!("n_{spelled}"),
            (Self::UpperCamel, Some('0'..='9')) => format!("N{spelled}"),
            (_, Some(_)) => spelled,
        }
    }
}

/// The name as a Rust identifier: a keyword becomes a raw identifier, or gets an underscore if Rust does not allow one.
fn ident(name: &str) -> Ident {
    if RAW.contains(&name) {
        Ident::new_raw(name, Span::call_site())
    } else if NEVER.contains(&name) {
        Ident::new(&format!("{name}_"), Span::call_site())
    } else {
        Ident::new(name, Span::call_site())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(case: Case, names: &[&str]) -> Vec<String> {
        Scope::default().claim_all(case, names).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn keywords_become_raw_or_get_an_underscore() {
        assert_eq!(
            names(Case::Snake, &["type", "self", "super", "crate", "gen", "Self", "union"]),
            ["r#type", "self_", "super_", "crate_", "r#gen", "self_2", "union"]
        );
        assert_eq!(names(Case::UpperCamel, &["self", "option"]), ["Self_", "Option"]);
    }

    #[test]
    fn the_first_to_come_keeps_its_name() {
        assert_eq!(
            names(Case::Snake, &["camelCase", "camel_case", "CAMEL_case"]),
            ["camel_case", "camel_case_2", "camel_case_3"]
        );
        assert_eq!(names(Case::Snake, &["a_b", "aB", "a_b_2"]), ["a_b", "a_b_2", "a_b_2_2"]);
        assert_eq!(names(Case::UpperCamel, &["a_b", "aB", "a_b2"]), ["AB", "AB2", "AB2_2"]);
    }

    #[test]
    fn a_later_name_renames_no_earlier_one() {
        let all = ["a_b", "aB", "A_B_", "a_b_2", "ab", "Ab", "type", "Type", "_type", "2", "n_2"];
        for case in [Case::Snake, Case::UpperCamel] {
            let whole = names(case, &all);
            for n in 0..all.len() {
                assert_eq!(names(case, &all[..n]), whole[..n]);
            }
        }
    }

    #[test]
    fn every_name_becomes_an_identifier() {
        assert_eq!(names(Case::Snake, &["_", "__", "_1", "größe", "a-b"]), ["n", "n_2", "n_1", "gr_e", "a_b"]);
        assert_eq!(names(Case::UpperCamel, &["_", "2024_sales", "größe"]), ["N", "N2024Sales", "GrE"]);
    }
}
