//! The schema model: Unity Catalog tables, and the only mapping of their columns to fields.
//!
//! | file | what it owns |
//! |---|---|
//! | `table_name` | the three parts of a table's name |
//! | `table_info` | the JSON of the tables API, parsed leniently |
//! | `type_json`, `type_text` | the API's two notations of a column's type |
//! | `sql_text` | rows, names and strings in SQL syntax |
//! | `sql_type` | a type as written, supported or not |
//! | `data_type` | a type that Zerobus supports |
//! | `column_source` | defaults, generated and identity columns |
//! | `column_type` | a column's type, from the first part of its description that has one |
//! | `table` | a checked table |
//! | `check` | the check of a `TableInfo`, which gives a `Table` or a report with all problems |
//! | `problem` | problems of a table: place, cause and remedy |
//! | `self_contained` | descriptors supplied by users: checked and made self-contained |
//! | `descriptor` | the protobuf descriptor of a checked row |
//! | `file_text` | the text of a file, in UTF-8 or UTF-16 |
//! | `identifiers` | names of catalogs, schemas and tables in Rust and protobuf |
//! | `likely` | suggestions for misspelled names |
//! | `skip` | tables and columns to omit |
//! | `stamped` | the columns that a stream fills in |
//! | `obstacle` | the table features that the service rejects |
//! | `properties` | the properties of a table that matter to a writer |
//! | `printable` | untrusted text, escaped for printing |

mod check;
mod column_source;
mod column_type;
mod conflicts;
mod data_type;
mod descriptor;
mod file_text;
mod identifiers;
mod likely;
mod obstacle;
mod printable;
mod problem;
pub(crate) mod properties;
mod repeated_key;
mod securable;
mod self_contained;
mod skip;
pub(crate) mod sql_text;
mod sql_type;
mod stamped;
mod table;
mod table_info;
mod table_name;
mod type_json;
mod type_text;
mod unique;

pub use check::is_column_name;
pub use data_type::{DataType, Element, Field, MapKey, Scalar, Struct};
pub use descriptor::{descriptor, displaced_entries, message_name};
pub use file_text::{FileTextError, file_text, snapshot_json};
pub use identifiers::{is_spelled_apart, module_name, type_name};
pub use likely::likely;
pub use obstacle::Obstacle;
pub use printable::Printable;
pub use problem::{ColumnPath, Problem, Report};
pub use securable::Securable;
pub use self_contained::{DescriptorError, descriptor_of, self_contained_package};
pub use skip::Skip;
pub use stamped::{Stamp, StampProblems, StampedColumns};
pub use table::{Note, Table};
pub use table_info::{ColumnInfo, TableInfo, tables_in_json};
pub use table_name::{TableName, TableNameError};
pub(crate) use unique::UniqueNames;

#[cfg(feature = "generate")]
pub(crate) use descriptor::{capitalize_words, compiled_entry_name, last_name};
#[cfg(feature = "ddl")]
pub(crate) use {
    check::by_position,
    column_source::ColumnSource,
    column_type::read_type,
    printable::rewrites_the_line,
    sql_text::{quoted_name, unquoted},
    sql_type::{MAX_NESTING, Name, SqlField, SqlType, resolve},
};
