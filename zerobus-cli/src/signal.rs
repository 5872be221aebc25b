//! The signals that ask the program to stop.

use crate::failure::Failure;

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn stop() -> Result<(), Failure> {
    let failed = |error| Failure::new("cannot listen for signals", error);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        tokio::select! {
            stopped = tokio::signal::ctrl_c() => stopped.map_err(failed),
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map_err(failed)
}
