//! Tokens by table, renewed before they expire, one request at a time, and never used after a rejection.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use zerobus_codegen::TableName;

use super::{Token, TokenProvider};
use crate::error::{Error, Fault};

/// A token is renewed when this part of its lifetime, or less, is left, and at most this long before it expires.
const RENEW_PART: u32 = 6;
const RENEW_AT_MOST: Duration = Duration::from_secs(300);

/// How long a token that could not be renewed is used before the next attempt.
const RENEW_AGAIN: Duration = Duration::from_secs(10);

/// The tokens of one identity.
#[derive(Debug)]
pub(crate) struct Cache {
    provider: Arc<dyn TokenProvider>,
    tables: Mutex<HashMap<TableName, Arc<Slot>>>,
    minted: AtomicU64,
}

/// The token of one table.
#[derive(Debug, Default)]
struct Slot {
    kept: Mutex<Option<KeptToken>>,
    /// Held by the task that requests a new token; others wait for it and use its result.
    minting: tokio::sync::Mutex<()>,
}

/// A token and its number, which identifies it in `reject`.
#[derive(Debug, Clone)]
pub(crate) struct Numbered {
    pub(crate) token: Token,
    pub(crate) number: u64,
}

#[derive(Debug, Clone)]
struct KeptToken {
    token: Numbered,
    /// `None` for a token that does not expire.
    renew_at: Option<Instant>,
    ends_at: Option<Instant>,
}

impl Cache {
    pub(crate) fn new(provider: Arc<dyn TokenProvider>) -> Self {
        Self { provider, tables: Mutex::default(), minted: AtomicU64::new(0) }
    }

    /// The table's token, cached or new.
    pub(crate) async fn token(&self, table: &TableName) -> Result<Numbered, Error> {
        let slot = self.slot(table);
        if let Some(token) = slot.fresh(Instant::now()) {
            return Ok(token);
        }
        let _minting = slot.minting.lock().await;
        let now = Instant::now();
        if let Some(token) = slot.fresh(now) {
            return Ok(token);
        }
        match self.mint(table, now).await {
            Ok(new) => Ok(slot.kept().insert(new).token.clone()),
            Err(error) => slot.good(now).ok_or(error),
        }
    }

    /// Drops the token with this number after the server rejected it.
    pub(crate) fn reject(&self, table: &TableName, number: u64) {
        let slot = self.slot(table);
        let mut kept = slot.kept();
        if kept.as_ref().is_some_and(|kept| kept.token.number == number) {
            *kept = None;
        }
    }

    async fn mint(&self, table: &TableName, now: Instant) -> Result<KeptToken, Error> {
        let token = self.provider.token(table).await.map_err(|error| match error.downcast::<Error>() {
            Ok(error) => *error,
            Err(source) => Fault::TokenProvider { table: table.to_string(), source }.into(),
        })?;
        let margin = (token.lifetime() / RENEW_PART).min(RENEW_AT_MOST);
        let renew_at = now.checked_add(token.lifetime().saturating_sub(margin));
        let ends_at = now.checked_add(token.lifetime());
        let number = self.minted.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(KeptToken { token: Numbered { token, number }, renew_at, ends_at })
    }

    fn slot(&self, table: &TableName) -> Arc<Slot> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tables.entry(table.clone()).or_default())
    }
}

impl Slot {
    fn kept(&self) -> MutexGuard<'_, Option<KeptToken>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token, if it does not need to be renewed yet.
    fn fresh(&self, now: Instant) -> Option<Numbered> {
        let kept = self.kept();
        kept.as_ref().filter(|kept| kept.renew_at.is_none_or(|at| now < at)).map(|kept| kept.token.clone())
    }

    /// The token, if it is still valid. It stays in use for a while, since it could not be renewed.
    fn good(&self, now: Instant) -> Option<Numbered> {
        let mut kept = self.kept();
        let kept = kept.as_mut().filter(|kept| kept.ends_at.is_none_or(|at| now < at))?;
        tracing::warn!(name: "zerobus.token.not_renewed", "a token could not be renewed; the cached token stays in use");
        kept.renew_at = now.checked_add(RENEW_AGAIN);
        Some(kept.token.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::TokenFuture;
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Tokens that expire at once.
    #[derive(Debug)]
    struct Short;

    impl TokenProvider for Short {
        fn token(&self, _: &TableName) -> TokenFuture<'_> {
            Box::pin(async { Ok(Token::new("secret", Duration::ZERO)) })
        }
    }

    /// A slot whose token is due for renewal after one second and expires after two.
    fn slot(now: Instant) -> Slot {
        let slot = Slot::default();
        let token = Numbered { token: Token::new("secret", 2 * SECOND), number: 1 };
        *slot.kept() = Some(KeptToken { token, renew_at: Some(now + SECOND), ends_at: Some(now + 2 * SECOND) });
        slot
    }

    #[test]
    fn a_token_is_fresh_until_it_is_to_be_renewed_and_good_until_its_end() {
        let now = Instant::now();
        let slot = slot(now);
        assert!(slot.fresh(now).is_some());
        assert!(slot.fresh(now + SECOND).is_none());
        assert!(slot.good(now + SECOND).is_some());
        assert!(slot.good(now + 2 * SECOND).is_none());
    }

    #[test]
    fn a_token_that_could_not_be_renewed_serves_for_a_while_before_the_next_attempt() {
        let now = Instant::now();
        let slot = slot(now);
        slot.good(now + SECOND);
        assert!(slot.fresh(now + 10 * SECOND).is_some());
        assert!(slot.fresh(now + 11 * SECOND).is_none());
    }

    #[tokio::test]
    async fn every_new_token_has_a_number_of_its_own_from_1_on() {
        let cache = Cache::new(Arc::new(Short));
        let table: TableName = "main.test.rows".parse().unwrap();
        for number in 1..=3 {
            assert_eq!(cache.token(&table).await.unwrap().number, number);
        }
    }
}
