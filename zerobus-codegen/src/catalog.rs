//! The catalog client: tables of a workspace, or of the open-source server, as its REST API describes them.
//!
//! | file | what it owns |
//! |---|---|
//! | `host` | a workspace's address, as it is typed or copied from a browser |
//! | `listing` | what a catalog holds, page by page |
//! | `login` | host and credentials: arguments, then environment, then a profile |
//! | `profile` | the INI of `~/.databrickscfg` |
//! | `pattern` | which tables to ask for |
//! | `roots` | the certificates that are trusted |
//! | `transport` | requests with retries: deadline, backoff, `Retry-After` |
//! | `refusal` | what an error answer says, whatever its shape |
//! | `error` | what can go wrong, with a remedy |
//! | `snapshot_text` | the file that is kept of a table |

mod error;
mod host;
mod listing;
mod login;
mod pattern;
mod profile;
mod refusal;
mod roots;
mod snapshot_text;
mod transport;

pub use error::CatalogError;
pub use listing::ListedTable;
pub use login::{Credentials, Login, LoginOptions, Secret};
pub use pattern::{TablePattern, TablePatternError};
pub use transport::RetryPolicy;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use base64::Engine as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{TableInfo, TableName};
use transport::{Request, Transport};

/// What may stand in a segment of a path as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How many tables are asked for at once.
const AT_ONCE: usize = 8;

/// A catalog to ask for tables.
///
/// ```no_run
/// use zerobus_codegen::{Catalog, Login, LoginOptions};
///
/// let login = Login::from_environment(&LoginOptions::default())?;
/// let table = Catalog::connect(login)?.table(&"main.geo.earthquakes".parse()?)?;
/// println!("{} columns", table.columns.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Catalog {
    host: String,
    token: Option<Secret>,
    transport: Transport,
}

/// The answer of the token endpoint, as far as it matters here.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
}

impl Catalog {
    /// A catalog at this login's host. OAuth credentials are changed for a token here.
    ///
    /// # Errors
    /// If the token endpoint refuses the credentials or cannot be reached.
    pub fn connect(login: Login) -> Result<Self, CatalogError> {
        Self::connect_with(login, RetryPolicy::default())
    }

    /// The same, with a deadline and a backoff of the caller's.
    ///
    /// # Errors
    /// If the token endpoint refuses the credentials or cannot be reached.
    pub fn connect_with(login: Login, retry_policy: RetryPolicy) -> Result<Self, CatalogError> {
        let transport = Transport::new(retry_policy, &login)?;
        let Login { host, credentials, .. } = login;
        let token = match credentials {
            Credentials::None => None,
            Credentials::OAuth { client_id, client_secret } => {
                Some(mint(&transport, &host, &client_id, &client_secret)?)
            }
            Credentials::Token(token) => Some(token),
        };
        Ok(Self { host, token, transport })
    }

    /// The table of this name.
    ///
    /// # Errors
    /// If the table is not there, the credentials do not reach it, or the catalog cannot be reached.
    pub fn table(&self, name: &TableName) -> Result<TableInfo, CatalogError> {
        let segments = [name.catalog(), name.schema(), name.table()].map(segment);
        let path = format!("/api/2.1/unity-catalog/tables/{}", segments.join("."));
        let info: TableInfo = self.get(&path, &name.to_string())?;
        if info.full_name().to_lowercase() == name.to_string().to_lowercase() {
            return Ok(info);
        }
        let found = format!("the table {}", info.full_name());
        Err(CatalogError::Answer { url: self.url(&path), what: name.to_string(), found })
    }

    /// The tables of these names, in their order, a few asked for at once; `done` is told after each.
    pub fn tables(
        &self,
        names: &[TableName],
        done: &(dyn Fn(&TableName) + Sync),
    ) -> Vec<Result<TableInfo, CatalogError>> {
        let next = AtomicUsize::new(0);
        let answers = Mutex::new(Vec::with_capacity(names.len()));
        thread::scope(|scope| {
            for _ in 0..AT_ONCE.min(names.len()) {
                scope.spawn(|| {
                    loop {
                        let place = next.fetch_add(1, Ordering::Relaxed);
                        let Some(name) = names.get(place) else { break };
                        let answer = self.table(name);
                        done(name);
                        // Nobody panics with the lock held.
                        answers.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((place, answer));
                    }
                });
            }
        });
        let mut answers = answers.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        answers.sort_by_key(|&(place, _)| place);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.host)
    }

    fn get<T: DeserializeOwned>(&self, path: &str, what: &str) -> Result<T, CatalogError> {
        let (url, bearer) = (self.url(path), self.token.as_ref());
        self.transport.json(&Request { url, bearer, basic: None, form: None, what: what.to_owned() })
    }
}

fn mint(transport: &Transport, host: &str, client_id: &str, client_secret: &Secret) -> Result<Secret, CatalogError> {
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{client_id}:{}", client_secret.reveal()));
    let answer: TokenAnswer = transport.json(&Request {
        url: format!("{host}/oidc/v1/token"),
        bearer: None,
        basic: Some(&Secret::new(basic)),
        form: Some("grant_type=client_credentials&scope=all-apis"),
        what: format!("a token for the client {client_id}"),
    })?;
    Ok(Secret::new(answer.access_token))
}

fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}
