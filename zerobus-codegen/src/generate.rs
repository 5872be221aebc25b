//! The generators: checked tables to Rust and `.proto` text, without I/O.
//!
//! | file | what it owns |
//! |---|---|
//! | `comments` | column comments as Rust docs and `.proto` comments, escaped |
//! | `column_type` | a column's type as text |
//! | `derives` | the traits that structs derive |
//! | `item` | the items of a table: its struct and nested structs |
//! | `layout` | the order of tables and modules |
//! | `names` | Rust names for columns, structs and modules |
//! | `paths` | the paths of options, matched against the tables |
//! | `prost` | the prost flavor: structs by prost-build, each with a `ZerobusMessage` implementation |
//! | `proto` | the `.proto` of a table: a view, and the template that renders it |
//! | `python` | file names that Python can import |
//! | `rust` | the Rust files of both flavors |
//! | `serde` | serde attributes of fields |
//! | `text` | tokens formatted as text, indented by module |
//! | `writer` | the parsed options, and the Rust type of a column |

mod column_type;
mod comments;
mod derives;
mod item;
mod layout;
mod names;
mod paths;
#[cfg(feature = "prost")]
mod prost;
pub mod proto;
mod python;
pub mod rust;
mod serde;
mod text;
mod writer;

use crate::{TableName, module_name};

/// The stem of a table's file names: the table's full name, each part spelled as its module.
///
/// Such a name is valid on every file system, and Python can import it: protoc makes a folder for each part.
pub(crate) fn file_stem(table: &TableName) -> String {
    let catalog = python::catalog(module_name(table.catalog()));
    let schema = python::folder(module_name(table.schema()));
    format!("{catalog}.{schema}.{}", module_name(table.table()))
}
