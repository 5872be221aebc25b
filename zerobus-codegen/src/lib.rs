#![doc = include_str!("../README.md")]

#[cfg(feature = "ddl")]
pub mod ddl;
mod drift;
mod model;
mod options;

#[cfg(feature = "generate")]
mod build;
#[cfg(feature = "fetch")]
mod catalog;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "generate")]
mod error;
#[cfg(feature = "generate")]
mod generate;
#[cfg(feature = "generate")]
mod output;
#[cfg(feature = "generate")]
mod snapshot;
#[cfg(feature = "generate")]
mod toml;

#[cfg(feature = "generate")]
pub use build::{Configuration, configure};
#[cfg(feature = "fetch")]
pub use catalog::{
    Catalog, CatalogError, Credentials, ListedTable, Listing, Login, LoginOptions, Principal, Privilege, RetryPolicy,
    Secret, TablePattern, TablePatternError,
};
pub use drift::{Allowance, Change, ChangeKind, ChangeNames, Day, Drift, Policy, Severity, Threshold, Verdict};
#[cfg(feature = "generate")]
pub use error::{Error, Failure, UnmatchedPath};
#[cfg(feature = "generate")]
pub use generate::{proto, rust};
pub use model::*;
pub use options::{Files, Flavor, Options, OptionsError, Toml, Visibility};
#[cfg(feature = "generate")]
pub use snapshot::{Snapshot, Snapshots, Warning};
