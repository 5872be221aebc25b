//! The catalog client: reads tables from the REST API of a workspace or of the open-source server.
//!
//! | file | what it owns |
//! |---|---|
//! | `credentials` | the caller's credentials |
//! | `host` | a workspace's address |
//! | `listing` | the tables of a catalog, page by page |
//! | `login` | host and credentials: arguments, then environment, then a profile |
//! | `profile` | the INI format of `~/.databrickscfg` |
//! | `pattern` | which tables to fetch |
//! | `roots` | the trusted root certificates |
//! | `principal` | the principal that the credentials belong to |
//! | `privileges` | the privileges of a principal |
//! | `transport` | requests with retries: deadline, backoff, `Retry-After` |
//! | `refusal` | the message of an error response, in any of its formats |
//! | `error` | errors with a remedy |
//! | `snapshot_text` | the text of a table's snapshot |

mod credentials;
mod error;
mod host;
mod listing;
mod login;
mod pattern;
mod principal;
mod privileges;
mod profile;
mod refusal;
mod roots;
mod snapshot_text;
mod transport;

pub use credentials::{Credentials, Secret};
pub use error::CatalogError;
pub use listing::{ListedTable, Listing};
pub use login::{Login, LoginOptions};
pub use pattern::{TablePattern, TablePatternError};
pub use principal::Principal;
pub use privileges::Privilege;
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

/// The characters that need no escape in a path segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The number of concurrent requests.
const AT_ONCE: usize = 8;

/// A client of a Unity Catalog server.
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

/// The response of the token endpoint.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
}

impl Catalog {
    /// Connects to the login's host. OAuth credentials are exchanged for a token here.
    ///
    /// # Errors
    /// If the token endpoint refuses the credentials or cannot be reached.
    pub fn connect(login: Login) -> Result<Self, CatalogError> {
        Self::connect_with(login, RetryPolicy::default())
    }

    /// Like [`connect`](Self::connect), with the caller's deadline and backoff.
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

    /// Fetches one table.
    ///
    /// # Errors
    /// If the table does not exist, the credentials do not permit reading it, or the catalog cannot be reached.
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

    /// Fetches these tables concurrently and returns them in order; calls `done` after each.
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
                        // No code panics while it holds the lock.
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
