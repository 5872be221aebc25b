//! The tokens that were issued: what each allows, and until when.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::credentials::same;
use crate::random;
use crate::refusal::Refusal;

/// What a token is valid for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The tables API.
    Catalog,
    Everything {
        principal: String,
    },
    /// Writing rows to one table, by its full name, for one principal.
    Table {
        table: String,
        principal: String,
    },
}

/// All valid tokens.
pub(crate) struct Tokens {
    lifetime: Duration,
    /// A token that is always valid, for every table and the tables API, and its principal.
    fixed: Option<(String, String)>,
    issued: Mutex<HashMap<String, Grant>>,
}

struct Grant {
    scope: Scope,
    expires: Instant,
}

impl Tokens {
    pub(crate) fn new(lifetime: Duration, fixed: Option<(String, String)>) -> Self {
        Self { lifetime, fixed, issued: Mutex::default() }
    }

    pub(crate) const fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Issues a token. It is opaque, so that no client relies on its content.
    pub(crate) fn issue(&self, scope: Scope) -> String {
        let token = random::text(48);
        let now = Instant::now();
        let grant = Grant { scope, expires: now + self.lifetime };
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        issued.retain(|_, grant| grant.expires > now);
        issued.insert(token.clone(), grant);
        token
    }

    /// The principal whose `authorization` header opens a stream into the table.
    pub(crate) fn check_table(&self, header: Option<&str>, table: &str) -> Result<String, Refusal> {
        match self.scope(header)? {
            Scope::Everything { principal } => Ok(principal),
            Scope::Table { table: granted, principal } if granted.eq_ignore_ascii_case(table) => Ok(principal),
            _ => Err(Refusal::not_granted(table)),
        }
    }

    /// Whether an `authorization` header opens the tables API.
    pub(crate) fn check_catalog(&self, header: Option<&str>) -> Result<(), Refusal> {
        match self.scope(header)? {
            Scope::Catalog | Scope::Everything { .. } => Ok(()),
            Scope::Table { .. } => Err(Refusal::unauthenticated("it is a Zerobus token, not one for the REST API")),
        }
    }

    fn scope(&self, header: Option<&str>) -> Result<Scope, Refusal> {
        let header = header.ok_or_else(|| Refusal::unauthenticated("the request has no authorization header"))?;
        let token = header
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or_else(|| Refusal::unauthenticated("the authorization header is not of the form `Bearer <token>`"))?;
        if let Some((fixed, principal)) = &self.fixed
            && same(fixed.as_bytes(), token.as_bytes())
        {
            return Ok(Scope::Everything { principal: principal.clone() });
        }
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        match issued.get(token) {
            Some(grant) if grant.expires > Instant::now() => Ok(grant.scope.clone()),
            Some(_) => Err(Refusal::unauthenticated("it has expired")),
            None => Err(Refusal::unauthenticated("this server did not issue it, or it has expired")),
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}
