//! A server that makes rows durable only while a test lets it.

use tokio::sync::watch;

use super::{Call, Scripted};

/// While it is open, what has come is made durable and acknowledged.
#[derive(Debug, Clone)]
pub struct Gate(watch::Sender<bool>);

impl Gate {
    pub fn closed() -> Self {
        Self(watch::Sender::new(false))
    }

    pub fn open(&self) {
        self.0.send_replace(true);
    }

    pub fn close(&self) {
        self.0.send_replace(false);
    }

    pub async fn passed(&self) {
        self.0.subscribe().wait_for(|is_open| *is_open).await.expect("the sender is here");
    }

    /// A server behind this gate.
    pub fn server(&self) -> Scripted {
        let gate = self.clone();
        Scripted::new(move |mut call: Call| {
            let gate = gate.clone();
            async move {
                call.create().await;
                gate.serve(&mut call).await;
            }
        })
    }

    /// Serves a call from its creation on.
    pub async fn serve(&self, call: &mut Call) {
        while let Some(received) = call.batch().await {
            self.passed().await;
            call.keep(&received);
            call.ack(received.offset).await;
        }
    }
}
