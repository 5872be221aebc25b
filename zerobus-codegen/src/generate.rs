//! The generators: from checked tables to Rust and `.proto` text, without any I/O.
//!
//! | file | what it owns |
//! |---|---|
//! | `comments` | comments of strangers as Rust docs and as `.proto` comments |
//! | `column_type` | a column's type in words |
//! | `derives` | the traits that structs derive |
//! | `item` | the items of a table: its struct, and those inside it |
//! | `layout` | the order of tables and modules |
//! | `names` | Rust names for columns, structs and modules |
//! | `paths` | the paths of the options, held against the tables |
//! | `prost` | the prost face: structs of prost-build with a `ZerobusMessage` implementation beside each |
//! | `proto` | the `.proto` of a table: a view, and the template that renders it |
//! | `python` | the names of files, as Python can import them |
//! | `rust` | the files of Rust, of either face |
//! | `serde` | serde's attributes of fields |
//! | `text` | tokens as text inside the modules in which they stand |
//! | `writer` | the options made ready to write with, and what they make of a column's type |

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

/// The name of a table's files without an ending: that of the table, each part of it as its module is called.
///
/// So it is one that every file system takes, and that Python can import: protoc makes a folder of each part for it.
pub(crate) fn file_stem(table: &TableName) -> String {
    let catalog = python::catalog(module_name(table.catalog()));
    let schema = python::folder(module_name(table.schema()));
    format!("{catalog}.{schema}.{}", module_name(table.table()))
}
