//! One TCP connection, as a handler sees it: something that can be cut.

use std::sync::Arc;

use tokio::sync::Notify;

/// A handle on the connection of a call; rides in the call's extensions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connection(Arc<Notify>);

impl Connection {
    /// Closes the socket at once, without a word to the client.
    pub(crate) fn cut(&self) {
        self.0.notify_one();
    }

    /// Ends when the connection is to be cut.
    pub(crate) async fn is_cut(&self) {
        self.0.notified().await;
    }
}
