//! Which connection may write to a persistent stream: the one that resumed it last. The connection before it is ended
//! first, so that requests of two connections never mix.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedMutexGuard, watch};

/// The leases of all persistent streams that are in use, by table and id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Leases(Arc<Mutex<HashMap<Key, Arc<Slot>>>>);

type Key = (String, String);

#[derive(Debug, Default)]
struct Slot {
    holder: Arc<tokio::sync::Mutex<()>>,
    /// How many connections have asked for the lease.
    asked: watch::Sender<u64>,
}

/// The right to write to a persistent stream, until it is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    leases: Leases,
    key: Key,
    slot: Arc<Slot>,
    _guard: OwnedMutexGuard<()>,
}

/// Notifies the holder of a lease that another connection asks for it.
#[derive(Debug)]
pub(crate) struct Revocation {
    turn: u64,
    asked: watch::Receiver<u64>,
}

impl Leases {
    /// Revokes the current holder's lease, and waits until it is released.
    pub(crate) async fn take(&self, table: &str, id: &str) -> (Lease, Revocation) {
        let key = (table.to_owned(), id.to_owned());
        let slot = Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default());
        let mut turn = 0;
        slot.asked.send_modify(|asked| {
            *asked += 1;
            turn = *asked;
        });
        let asked = slot.asked.subscribe();
        let guard = Arc::clone(&slot.holder).lock_owned().await;
        (Lease { leases: self.clone(), key, slot, _guard: guard }, Revocation { turn, asked })
    }
}

impl Revocation {
    /// Returns when another connection asks for the lease.
    pub(crate) async fn revoked(&mut self) {
        let turn = self.turn;
        if self.asked.wait_for(|asked| *asked > turn).await.is_err() {
            // No connection can ask any more.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut leases = self.leases.0.lock().unwrap_or_else(PoisonError::into_inner);
        // One is this lease's own, the other the map's: nobody waits.
        if Arc::strong_count(&self.slot) == 2 {
            leases.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_to_ask_gets_the_lease_and_the_one_before_is_revoked() {
        let leases = Leases::default();
        let (first, mut revocation) = leases.take("t", "s").await;
        let (_other, mut of_other) = leases.take("t", "other").await;
        let second = tokio::spawn({
            let leases = leases.clone();
            async move { leases.take("t", "s").await }
        });
        revocation.revoked().await;
        assert!(!second.is_finished());
        drop(first);
        let (second, mut of_second) = second.await.unwrap();
        tokio::select! {
            biased;
            () = of_second.revoked() => panic!("revoked without a successor"),
            () = of_other.revoked() => panic!("another stream was revoked"),
            () = std::future::ready(()) => {}
        }
        drop(second);
        assert_eq!(leases.0.lock().unwrap().len(), 1);
    }
}
