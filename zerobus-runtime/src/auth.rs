//! Tokens: who the client is to the service.
//!
//! | file | what it owns |
//! |---|---|
//! | `secret` | text that no log, error or `Debug` shows, wiped when it is dropped |
//! | `token` | a token, and what gives tokens |
//! | `proof` | how a client proves who it is: id and secret, or a token of another provider |
//! | `oauth` | the table's own token, from the workspace's token endpoint |
//! | `cache` | tokens kept by table, renewed before they end, asked for once at a time |

mod cache;
mod oauth;
mod proof;
mod secret;
mod token;

pub(crate) use cache::{Cache, Numbered};
pub(crate) use oauth::{Identity, OAuth, agent};
pub(crate) use proof::{Jwt, Proof};
pub use secret::Secret;
pub use token::{Token, TokenFuture, TokenProvider};
