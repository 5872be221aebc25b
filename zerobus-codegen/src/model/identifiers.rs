//! Identifiers: the names of catalogs, schemas and tables in Rust and in protobuf.
//!
//! An identifier depends only on the object's own name, so adding a table never renames the types of another. Different
//! objects get different identifiers. Names are lower-cased first, as in Unity Catalog.
//!
//! | object | type, message | module, package |
//! |---|---|---|
//! | `order_lines` | `OrderLines` | `order_lines` |
//! | `events_2024` | `Events_2024` | `events_2024` |
//! | `events2024` | `Events2024` | `events2024` |
//! | `prod-eu` | `ProdEu__0xu2dx0` | `prod__eu` |
//! | `a__b` | `AB__0x2x0` | `a_b__0x2x0` |
//! | `2024_sales` | `N2024Sales__0x1x0d` | `n2024_sales__0x1x0d` |
//! | `self` | `Self_` | `self_` |
//!
//! A name of words joined by single underscores gets the usual spelling. Any other name also gets `__` and a code,
//! which is unique to it: the characters before, between and after the words (a number of underscores, or each
//! character), and a `d` if the first word begins with a digit. The code begins with a digit, as no nested message
//! does. So names are unique in Go too, which joins the names of nested messages with `_` and drops one before a
//! lower-case letter.

use std::fmt::Write as _;

/// The keywords that Rust does not even allow as raw identifiers.
const NEVER: [&str; 4] = ["Self", "crate", "self", "super"];

/// The name of a table's type and message.
///
/// ```
/// use zerobus_codegen::type_name;
///
/// assert_eq!(type_name("order_lines"), "OrderLines");
/// assert_eq!(type_name("events_2024"), "Events_2024");
/// assert_eq!(type_name("events2024"), "Events2024");
/// ```
#[must_use]
pub fn type_name(name: &str) -> String {
    let parts = Parts::new(name);
    let mut spelled = String::with_capacity(name.len());
    for (i, word) in parts.words.iter().enumerate() {
        // Without the underscore, `events_2024` and `events2024` would be equal.
        if i > 0 && word.starts_with(|c: char| c.is_ascii_digit()) {
            spelled.push('_');
        }
        let mut chars = word.chars();
        spelled.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        spelled.push_str(chars.as_str());
    }
    parts.finish(spelled, 'N', parts.is_plain())
}

/// The name of the module of a catalog, a schema or a table, and of a part of a protobuf package.
///
/// ```
/// use zerobus_codegen::module_name;
///
/// assert_eq!(module_name("order_lines"), "order_lines");
/// assert_eq!(module_name("prod-eu"), "prod__eu");
/// ```
#[must_use]
pub fn module_name(name: &str) -> String {
    let parts = Parts::new(name);
    let mut spelled = String::with_capacity(name.len());
    for (i, word) in parts.words.iter().enumerate() {
        if i > 0 {
            spelled.push_str(if parts.is_hyphenated() && parts.between[i] == "-" { "__" } else { "_" });
        }
        spelled.push_str(word);
    }
    parts.finish(spelled, 'n', parts.is_plain() || parts.is_hyphenated())
}

/// Whether a name has an unexpected spelling, which users should be told about.
#[must_use]
pub fn is_spelled_apart(name: &str) -> bool {
    type_name(name).contains('_') || module_name(name).contains("__")
}

/// A name in lower case, split into words and the text between them.
struct Parts {
    /// The runs of letters and digits.
    words: Vec<String>,
    /// The text before, between and after the words: one entry more than words.
    between: Vec<String>,
}

impl Parts {
    fn new(name: &str) -> Self {
        let (mut words, mut between) = (Vec::new(), Vec::new());
        let (mut word, mut run) = (String::new(), String::new());
        for c in name.chars().flat_map(char::to_lowercase) {
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                if word.is_empty() {
                    between.push(std::mem::take(&mut run));
                }
                word.push(c);
            } else {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                run.push(c);
            }
        }
        words.extend(Some(word).filter(|word| !word.is_empty()));
        between.push(run);
        Self { words, between }
    }

    /// Whether the words are joined by single underscores, and the first begins with a letter.
    fn is_plain(&self) -> bool {
        self.has_only("_")
    }

    /// The same, but some of the underscores may be hyphens if a letter follows.
    fn is_hyphenated(&self) -> bool {
        let hyphens = self.between.iter().zip(&self.words).filter(|(run, _)| *run == "-");
        self.has_only("_-") && hyphens.map(|(_, word)| word).all(|word| !begins_with_digit(word))
    }

    fn has_only(&self, separators: &str) -> bool {
        let [before, between @ .., behind] = &self.between[..] else { return false };
        before.is_empty()
            && behind.is_empty()
            && self.words.first().is_some_and(|word| !begins_with_digit(word))
            && between.iter().all(|run| run.len() == 1 && separators.contains(run.as_str()))
    }

    /// Completes a spelled name with its code, if it needs one.
    fn finish(&self, spelled: String, letter: char, is_clear: bool) -> String {
        if is_clear {
            // No plain name ends with an underscore, so this one is unique.
            return if NEVER.contains(&spelled.as_str()) { spelled + "_" } else { spelled };
        }
        let begins_with_digit = self.words.first().is_some_and(|word| begins_with_digit(word));
        let mut name = if begins_with_digit || spelled.is_empty() { format!("{letter}{spelled}") } else { spelled };
        name.push_str("__");
        let codes: Vec<String> = self.between.iter().map(|run| code(run)).collect();
        name.push_str(&codes.join("x"));
        if begins_with_digit {
            name.push('d');
        }
        name
    }
}

fn begins_with_digit(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
}

/// The number of underscores; if there are other characters, the code of each character.
fn code(run: &str) -> String {
    if run.chars().all(|c| c == '_') {
        return run.len().to_string();
    }
    run.chars().fold(String::new(), |mut code, c| {
        // Writing to a String cannot fail.
        let _ = write!(code, "u{:x}", u32::from(c));
        code
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn the_table_of_the_module_holds() {
        for (name, of_type, of_module) in [
            ("order_lines", "OrderLines", "order_lines"),
            ("Order_Lines", "OrderLines", "order_lines"),
            ("events_2024", "Events_2024", "events_2024"),
            ("events2024", "Events2024", "events2024"),
            ("prod-eu", "ProdEu__0xu2dx0", "prod__eu"),
            ("prod-eu_1", "ProdEu_1__0xu2dx1x0", "prod__eu_1"),
            ("a-1", "A_1__0xu2dx0", "a_1__0xu2dx0"),
            ("a__b", "AB__0x2x0", "a_b__0x2x0"),
            ("_a_", "A__1x1", "a__1x1"),
            ("2024_sales", "N2024Sales__0x1x0d", "n2024_sales__0x1x0d"),
            ("self", "Self_", "self_"),
            ("self_", "Self__0x1", "self__0x1"),
            ("crate", "Crate", "crate_"),
            ("_", "N__1", "n__1"),
            ("größe", "GrE__0xuf6udfx0", "gr_e__0xuf6udfx0"),
        ] {
            assert_eq!((type_name(name).as_str(), module_name(name).as_str()), (of_type, of_module), "{name}");
        }
        assert!(is_spelled_apart("events_2024") && !is_spelled_apart("events2024"));
    }

    /// Every name of up to five characters from an alphabet with each kind of character.
    fn names() -> Vec<String> {
        let alphabet = ["a", "n", "1", "2", "_", "-", "ü"];
        let mut names = vec![String::new()];
        let mut longest = names.clone();
        for _ in 0..5 {
            longest = longest.iter().flat_map(|name| alphabet.map(|c| format!("{name}{c}"))).collect();
            names.extend(longest.clone());
        }
        names.extend(["self", "_self", "self_", "self__0x0", "n1__0x0d", "a_b__0x2x0", "prod__eu"].map(str::to_owned));
        names.split_off(1)
    }

    /// The name of a message in Go.
    fn in_go(name: &str) -> String {
        let mut go = String::new();
        let chars: Vec<char> = name.chars().collect();
        for (i, &c) in chars.iter().enumerate() {
            let next_is_small = chars.get(i + 1).is_some_and(char::is_ascii_lowercase);
            let behind_underscore = i > 0 && chars[i - 1] == '_';
            match c {
                '_' if i == 0 => go.push('X'),
                '_' if next_is_small => {}
                c if behind_underscore || i == 0 => go.push(c.to_ascii_uppercase()),
                c => go.push(c),
            }
        }
        go
    }

    #[test]
    fn no_two_objects_have_one_name() {
        for what in ["type", "module", "Go"] {
            let mut seen: HashMap<String, String> = HashMap::new();
            for name in names() {
                let spelled = match what {
                    "type" => type_name(&name),
                    "module" => module_name(&name),
                    _ => in_go(&type_name(&name)),
                };
                assert!(!spelled.is_empty() && !spelled.starts_with(|c: char| c.is_ascii_digit()), "{what} {name}");
                assert!(spelled.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{what} {name}");
                if let Some(other) = seen.insert(spelled.clone(), name.clone()) {
                    panic!("{what} {spelled} of {name} and {other}");
                }
            }
        }
    }

    #[test]
    fn a_type_and_a_module_differ() {
        assert!(names().iter().all(|name| {
            let first = |spelled: String| spelled.chars().next();
            first(type_name(name)).is_some_and(|c| c.is_ascii_uppercase())
                && first(module_name(name)).is_some_and(|c| c.is_ascii_lowercase())
        }));
    }
}
