//! The engine of `delta_kernel` on a runtime of its own, so that it serves callers on any runtime.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use delta_kernel::object_store::local::LocalFileSystem;
use delta_kernel_default_engine::executor::tokio::TokioMultiThreadExecutor;
use delta_kernel_default_engine::{DefaultEngine, DefaultEngineBuilder};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::sink::StorageError;

/// The kernel's engine, which is made to block, and the threads where it may.
pub(super) struct Kernel {
    engine: Arc<DefaultEngine<TokioMultiThreadExecutor>>,
    /// Present until the drop.
    runtime: Option<Runtime>,
    handle: tokio::runtime::Handle,
}

impl Kernel {
    pub(super) fn new() -> std::io::Result<Self> {
        let runtime =
            Builder::new_multi_thread().worker_threads(2).thread_name("zerobus-delta").enable_all().build()?;
        let handle = runtime.handle().clone();
        // Checkpoints hang on the kernel's background executor, so it has to be this one.
        let executor = TokioMultiThreadExecutor::new(handle.clone());
        // A commit is durable before it is acked: the store syncs the log, `data_file` what the log names.
        let store = LocalFileSystem::new().with_fsync(true);
        let engine = DefaultEngineBuilder::new(Arc::new(store)).with_task_executor(Arc::new(executor)).build();
        Ok(Self { engine: Arc::new(engine), runtime: Some(runtime), handle })
    }

    pub(super) fn engine(&self) -> &Arc<DefaultEngine<TokioMultiThreadExecutor>> {
        &self.engine
    }

    /// Runs work that blocks.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StorageError> {
        self.handle.spawn_blocking(work).await.map_err(|_| StorageError::Stopping)
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.handle.spawn(task)
    }

    pub(super) fn handle(&self) -> tokio::runtime::Handle {
        self.handle.clone()
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        // A plain drop of a runtime panics inside of another one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kernel").finish_non_exhaustive()
    }
}
