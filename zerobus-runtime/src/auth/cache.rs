//! Tokens kept by table, renewed before they end, asked for once at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use zerobus_codegen::TableName;

use super::{Token, TokenProvider};
use crate::core::TokenAge;
use crate::error::Error;

/// A token is renewed when this part of its life, or less, is left, and at most this long before its end.
const RENEW_PART: u32 = 6;
const RENEW_AT_MOST: Duration = Duration::from_secs(300);

/// The tokens of one identity.
#[derive(Debug)]
pub(crate) struct Cache {
    provider: Arc<dyn TokenProvider>,
    tables: Mutex<HashMap<TableName, Arc<Slot>>>,
}

/// The token of one table; whoever asks for a new one holds the lock, so that the others wait and take what it gets.
type Slot = tokio::sync::Mutex<Option<Kept>>;

#[derive(Debug, Clone)]
struct Kept {
    token: Token,
    renew_at: Instant,
    minted_at: Instant,
}

impl Cache {
    pub(crate) fn new(provider: Arc<dyn TokenProvider>) -> Self {
        Self { provider, tables: Mutex::default() }
    }

    /// The table's token: the one that is kept, or a new one.
    pub(crate) async fn token(&self, table: &TableName, age: TokenAge) -> Result<Token, Error> {
        let asked_at = Instant::now();
        let slot = self.slot(table);
        let mut kept = slot.lock().await;
        if let Some(kept) = &*kept {
            let is_good = match age {
                TokenAge::Any => Instant::now() < kept.renew_at,
                // Somebody else got a new one while this task waited for the lock.
                TokenAge::New => kept.minted_at > asked_at,
            };
            if is_good {
                return Ok(kept.token.clone());
            }
        }
        let token = self.provider.token(table).await?;
        let margin = (token.lifetime() / RENEW_PART).min(RENEW_AT_MOST);
        let renew_at = asked_at + token.lifetime().saturating_sub(margin);
        *kept = Some(Kept { token: token.clone(), renew_at, minted_at: Instant::now() });
        Ok(token)
    }

    fn slot(&self, table: &TableName) -> Arc<Slot> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tables.entry(table.clone()).or_default())
    }
}
