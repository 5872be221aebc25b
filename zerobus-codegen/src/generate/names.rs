//! Rust names for columns, structs and modules: heck's spelling, keywords made raw, clashes numbered.
//!
//! A name is decided by what stands in the same scope and by nothing else: a name that is already Rust's spelling keeps
//! it, the others follow in their order, and one that is taken gets the first free of 2, 3, ...

use std::collections::HashSet;

use heck::{ToSnakeCase, ToUpperCamelCase};
use proc_macro2::{Ident, Span};

/// The words of edition 2024 that a raw identifier (`r#type`) makes usable.
const RAW: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else", "enum",
    "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move",
    "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// The words that not even a raw identifier may be.
const NEVER: &[&str] = &["Self", "_", "crate", "self", "super"];

/// Which spelling a name takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// Fields and modules: `depth_km`.
    Snake,
    /// Structs: `OrderLines`.
    UpperCamel,
}

/// The names of one scope, each at most once.
#[derive(Debug, Default)]
pub(super) struct Scope {
    taken: HashSet<String>,
}

impl Scope {
    /// A name for each of these, in their order.
    pub(super) fn claim_all(&mut self, case: Case, names: &[&str]) -> Vec<Ident> {
        let spelled: Vec<String> = names.iter().map(|name| case.spell(name)).collect();
        let mut claimed: Vec<Option<Ident>> = vec![None; names.len()];
        // A column that is named as Rust would name it keeps its name, wherever it stands.
        for pass in [true, false] {
            for (i, spelling) in spelled.iter().enumerate() {
                if (names[i] == spelling) == pass {
                    claimed[i] = Some(self.claim(case, spelling));
                }
            }
        }
        claimed.into_iter().flatten().collect()
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

impl Case {
    /// The name in this spelling, at least one character and no digit at its start; perhaps still a keyword.
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

/// The name as a Rust identifier: a keyword is made raw, or gets an underscore where Rust allows no raw one.
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
    fn a_name_in_the_right_spelling_keeps_it() {
        assert_eq!(
            names(Case::Snake, &["camelCase", "camel_case", "CAMEL_case"]),
            ["camel_case_2", "camel_case", "camel_case_3"]
        );
        assert_eq!(names(Case::Snake, &["aB", "a_b", "a_b_2"]), ["a_b_3", "a_b", "a_b_2"]);
        assert_eq!(names(Case::UpperCamel, &["a_b", "aB", "a_b2"]), ["AB", "AB2", "AB2_2"]);
    }

    #[test]
    fn every_name_gives_an_identifier() {
        assert_eq!(names(Case::Snake, &["_", "__", "_1", "größe", "a-b"]), ["n", "n_2", "n_1", "gr_e", "a_b"]);
        assert_eq!(names(Case::UpperCamel, &["_", "2024_sales", "größe"]), ["N", "N2024Sales", "GrE"]);
    }
}
