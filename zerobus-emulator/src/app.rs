//! What every handler needs: the catalog, the tokens, the sink, the faults.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
#[cfg(feature = "tls")]
use tokio_rustls::TlsAcceptor;

use crate::activity::Activity;
use crate::catalog::Catalog;
use crate::credentials::Credentials;
use crate::definitions::Definitions;
use crate::faults::script::Faults;
use crate::grants::Grants;
use crate::lease::Leases;
use crate::limits::Limits;
use crate::partition_quota::PartitionQuota;
use crate::refusal::Refusal;
use crate::sink::Sink;
use crate::tags::Tags;
use crate::tokens::Tokens;

/// Which clients the emulator answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Only programs on this machine.
    Loopback,
    /// Every client that reaches the port, whatever name it used.
    Network,
}

/// The state of a server, shared by its handlers; cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) access: Access,
    pub(crate) activity: Arc<Activity>,
    pub(crate) definitions: Arc<Definitions>,
    /// The token that the emulator's own paths require.
    pub(crate) control_token: Option<Arc<str>>,
    /// All principals; the first is the one whose secret is exported.
    pub(crate) principals: Arc<[Credentials]>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) leases: Leases,
    pub(crate) limits: Arc<Limits>,
    pub(crate) partitions: Arc<PartitionQuota>,
    pub(crate) sink: Arc<Sink>,
    pub(crate) tags: Arc<Tags>,
    /// True once the server stops.
    pub(crate) stopping: watch::Receiver<bool>,
    /// Held by every running stream, so that the receiver sees the end of the last one.
    pub(crate) streams: mpsc::Sender<()>,
    /// Accepts TLS beside plain HTTP.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) tokens: Arc<Tokens>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("principals", &self.principals)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl App {
    /// Whether an `authorization` header lets its principal write to the table.
    pub(crate) fn authorize(&self, header: Option<&str>, table: &str) -> Result<(), Refusal> {
        let principal = self.tokens.check_table(header, table)?;
        self.grants.check_access(&principal)?;
        // A name without a table is refused later, with a better reason.
        match self.catalog().entry(table).map(|entry| entry.table.as_ref()) {
            Some(Ok(table)) => self.grants.check(&principal, &table.name),
            _ => Ok(()),
        }
    }

    /// The tables as they are defined now.
    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        self.definitions.current()
    }

    /// The scheme of the URLs that clients get.
    #[cfg_attr(not(feature = "tls"), expect(clippy::unused_self, reason = "without TLS there is one scheme"))]
    pub(crate) const fn scheme(&self) -> &'static str {
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            return "https";
        }
        "http"
    }
}

/// Returns when the server stops.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // Without a sender there is no server.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Whether the server stops.
pub(crate) fn is_stopped(stopping: &watch::Receiver<bool>) -> bool {
    *stopping.borrow() || stopping.has_changed().is_err()
}
