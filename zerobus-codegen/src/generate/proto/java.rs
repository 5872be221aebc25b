//! What Java needs from a `.proto`: a package without Java keywords, and a unique class for each file.
//!
//! protoc's default class is the file's name without underscores, which is the same for `events_2024` and `events2024`.

use prost_types::DescriptorProto;

use crate::{Table, module_name};

/// The words that are not allowed as a part of a Java package.
const KEYWORDS: [&str; 53] = [
    "abstract",
    "assert",
    "boolean",
    "break",
    "byte",
    "case",
    "catch",
    "char",
    "class",
    "const",
    "continue",
    "default",
    "do",
    "double",
    "else",
    "enum",
    "extends",
    "false",
    "final",
    "finally",
    "float",
    "for",
    "goto",
    "if",
    "implements",
    "import",
    "instanceof",
    "int",
    "interface",
    "long",
    "native",
    "new",
    "null",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "short",
    "static",
    "strictfp",
    "super",
    "switch",
    "synchronized",
    "this",
    "throw",
    "throws",
    "transient",
    "true",
    "try",
    "void",
    "volatile",
    "while",
];

/// The options of a table's file.
pub(super) fn options(table: &Table) -> Vec<(&'static str, String)> {
    let parts = [table.name.catalog(), table.name.schema()].map(module_name);
    let mut options = Vec::new();
    if parts.iter().any(|part| is_keyword(part)) {
        // Only modules named after Rust keywords (`self`, `super`, `crate`) end with an underscore, so adding one to a
        // Java keyword gives a free name.
        let package = parts.map(|part| if is_keyword(&part) { part + "_" } else { part });
        options.push(("java_package", package.join(".")));
    }
    options.push(("java_outer_classname", class(table)));
    options
}

/// The outer class. Names of nested messages have no underscore, so none of them is equal to it.
fn class(table: &Table) -> String {
    let module = module_name(table.name.table());
    let mut chars = module.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    format!("{}{}_Proto", first.unwrap_or('T'), chars.as_str())
}

/// A warning if a nested message has the name of the table's message, because Java cannot compile that.
pub(super) fn warning(table: &Table) -> Option<String> {
    let descriptor = table.descriptor();
    let name = descriptor.name();
    holds(&descriptor, name).then(|| {
        format!(
            "Java refuses the class of this .proto: a message inside {name} is called {name} too, after a column; use \
             another language, or rename the column"
        )
    })
}

fn holds(message: &DescriptorProto, name: &str) -> bool {
    message.nested_type.iter().any(|nested| nested.name() == name || holds(nested, name))
}

fn is_keyword(part: &str) -> bool {
    KEYWORDS.contains(&part)
}
