//! A token endpoint that is slow and fails.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fastrand::Rng;
use zerobus_runtime::{TableName, Token, TokenFuture, TokenProvider};

/// Gives `token-1`, `token-2`, and so on, and fails at times.
#[derive(Debug)]
pub struct FlakyTokens {
    random: Mutex<Rng>,
    /// How likely a fault is.
    rate: f64,
    given: AtomicUsize,
}

impl FlakyTokens {
    pub fn new(seed: u64, rate: f64) -> Self {
        Self { random: Mutex::new(Rng::with_seed(!seed)), rate, given: AtomicUsize::new(0) }
    }
}

impl TokenProvider for FlakyTokens {
    fn token(&self, _table: &TableName) -> TokenFuture<'_> {
        let (fails, millis, lives) = {
            let mut random = self.random.lock().unwrap();
            (random.f64() < self.rate, random.u64(0..300), random.u64(1..3600))
        };
        let n = self.given.fetch_add(1, Ordering::SeqCst) + 1;
        Box::pin(async move {
            if self.rate > 0.0 {
                tokio::time::sleep(Duration::from_millis(millis)).await;
            }
            if fails {
                return Err("the token endpoint is away".into());
            }
            Ok(Token::new(format!("token-{n}"), Duration::from_secs(lives)))
        })
    }
}
