//! The generators: from checked tables to Rust and `.proto` text, without any I/O.
//!
//! | file | what it owns |
//! |---|---|
//! | `comments` | comments of strangers as Rust docs and as `.proto` comments |
//! | `names` | Rust names for columns, structs and modules |
//! | `prost` | the prost face: structs of prost-build with a `ZerobusMessage` implementation beside each |
//! | `proto` | the `.proto` of a table: a view, and the template that renders it |
//! | `rust` | the typed face: structs with `#[derive(ZerobusMessage)]` in nested modules |
//! | `writer` | the options made ready to write with, and what they make of a column's type |

mod comments;
mod names;
#[cfg(feature = "prost")]
mod prost;
pub mod proto;
pub mod rust;
mod writer;
