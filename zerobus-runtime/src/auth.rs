//! Tokens: the client's identity to the service.
//!
//! | file | what it owns |
//! |---|---|
//! | `secret` | text that no log, error or `Debug` shows, wiped when it is dropped |
//! | `token` | tokens and token providers |
//! | `proof` | how a client authenticates: id and secret, or a token of another provider |
//! | `oauth` | a token for one table, from the workspace's token endpoint |
//! | `cache` | tokens by table, renewed before they expire, one request at a time |

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
