//! What Java needs of a `.proto`: a package without its keywords, and a class for each file that no other file has.
//!
//! protoc's own name for that class is the file's with the underscores dropped, one for `events_2024` and `events2024`.

use prost_types::DescriptorProto;

use crate::{Table, module_name};

/// The words that no part of a Java package may be.
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
        // No module's name but that of one of Rust's keywords ends with an underscore, and these are none of Java's.
        let package = parts.map(|part| if is_keyword(&part) { part + "_" } else { part });
        options.push(("java_package", package.join(".")));
    }
    options.push(("java_outer_classname", class(table)));
    options
}

/// A nested message has no underscore in its name, so Java finds no class inside another of the same name.
fn class(table: &Table) -> String {
    let module = module_name(table.name.table());
    let mut chars = module.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    format!("{}{}_Proto", first.unwrap_or('T'), chars.as_str())
}

/// That Java cannot compile a struct named as its table, if there is one.
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
