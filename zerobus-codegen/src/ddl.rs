//! Tables as SQL: `CREATE TABLE` statements in, and statements out.
//!
//! | file | what it owns |
//! |---|---|
//! | `read` | from `CREATE TABLE` to `TableInfo` |
//! | `write` | from `TableInfo` to `CREATE TABLE` and the grants that a writer needs |

mod read;
mod write;

pub use read::{DdlError, tables};
pub use write::{create_table, grants};
