//! The engine of `delta_kernel` on its own threads, so that callers may use any runtime.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use delta_kernel::KernelError;
use delta_kernel::object_store::local::LocalFileSystem;
use delta_kernel_default_engine::executor::tokio::TokioMultiThreadExecutor;
use delta_kernel_default_engine::{DefaultEngine, DefaultEngineBuilder};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use super::disk::Unsynced;
use crate::sink::StorageError;

/// The program that commits, as the log of a table names it.
pub(super) const ENGINE_INFO: &str = concat!("zerobus-emulator/", env!("CARGO_PKG_VERSION"));

/// Threads that read and write files for the engine. Few, since each has a heap of its own.
const FILE_THREADS: usize = 6;
/// Threads that commit, merge and read tables. They wait for the file threads and never the other way round.
const TABLE_THREADS: usize = 4;

/// The kernel's engine, whose calls block, and the threads on which they may.
pub(super) struct Kernel {
    engine: Arc<DefaultEngine<TokioMultiThreadExecutor>>,
    files: Background,
    tables: Background,
}

/// A runtime that shuts down in the background: dropping a runtime inside another one panics.
struct Background(Option<Runtime>, tokio::runtime::Handle);

impl Kernel {
    pub(super) fn new() -> std::io::Result<Self> {
        let files = Background::new(
            Builder::new_multi_thread()
                .worker_threads(1)
                .max_blocking_threads(FILE_THREADS)
                .thread_name("zerobus-files"),
        )?;
        let tables = Background::new(
            Builder::new_multi_thread()
                .worker_threads(1)
                .max_blocking_threads(TABLE_THREADS)
                .thread_name("zerobus-delta"),
        )?;
        // Checkpoints hang on the kernel's background executor; this one has threads for them.
        let executor = TokioMultiThreadExecutor::new(files.1.clone());
        // `table` syncs what a commit writes, all of it together.
        let store = LocalFileSystem::new().with_fsync(false);
        let engine = DefaultEngineBuilder::new(Arc::new(store)).with_task_executor(Arc::new(executor)).build();
        Ok(Self { engine: Arc::new(engine), files, tables })
    }

    pub(super) const fn engine(&self) -> &Arc<DefaultEngine<TokioMultiThreadExecutor>> {
        &self.engine
    }

    /// Runs work that blocks.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StorageError> {
        self.spawn_blocking(work).await.map_err(|_| StorageError::Stopping)
    }

    /// Returns once everything new is on disk. Blocks.
    pub(super) fn sync(&self, unsynced: Unsynced) -> std::io::Result<()> {
        let (done, results) = std::sync::mpsc::channel();
        let paths = unsynced.into_paths();
        let count = paths.len();
        for path in paths {
            let done = done.clone();
            self.files.1.spawn_blocking(move || {
                // The receiver waits for every result.
                let _ = done.send(std::fs::File::open(path).and_then(|file| file.sync_all()));
            });
        }
        drop(done);
        let results: Vec<_> = results.into_iter().collect();
        if results.len() < count {
            return Err(std::io::Error::other("the emulator is stopping"));
        }
        results.into_iter().collect()
    }

    pub(super) fn spawn_blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        self.tables.1.spawn_blocking(work)
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.tables.1.spawn(task)
    }
}

impl Background {
    fn new(builder: &mut Builder) -> std::io::Result<Self> {
        let runtime = builder.enable_all().build()?;
        let handle = runtime.handle().clone();
        Ok(Self(Some(runtime), handle))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kernel").finish_non_exhaustive()
    }
}

/// The error of a table whose folder could not be read, written or created.
pub(super) fn failed(path: &Path, doing: &'static str, error: KernelError) -> StorageError {
    let remedy = remedy(&error).unwrap_or_default();
    StorageError::Failed { path: path.to_owned(), doing, remedy, source: Arc::new(error) }
}

/// What a user can do about an error of the file system.
pub(super) fn remedy(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let of_kind = |error: &(dyn Error + 'static)| match system(error)?.kind() {
        ErrorKind::PermissionDenied => Some("; give the user that runs the emulator the right to read and write there"),
        ErrorKind::ReadOnlyFilesystem => Some("; mount its file system for writing"),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some("; free space on its disk"),
        ErrorKind::NotADirectory => Some("; remove the file that is in the place of a folder"),
        _ => None,
    };
    chain(error).find_map(of_kind)
}

/// An error and its causes, those included that `source` leaves out: what an `io::Error` wraps, and the kernel's store.
pub(super) fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| {
        if let Some(KernelError::ObjectStore(store)) = kernel(error) {
            return Some(store as &(dyn Error + 'static));
        }
        let wrapped = system(error).and_then(io::Error::get_ref);
        wrapped.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source())
    })
}

/// The system's error, of the kernel's as well.
pub(super) fn system<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    match kernel(error) {
        Some(KernelError::IOError(error)) => Some(error),
        _ => error.downcast_ref(),
    }
}

fn kernel<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a KernelError> {
    error.downcast_ref().map(KernelError::without_backtrace)
}

#[cfg(test)]
mod tests {
    use delta_kernel::object_store::Error::Generic;

    use super::*;

    #[test]
    fn an_error_of_the_file_system_has_a_remedy_however_deep_it_is() {
        let full = || io::Error::from(ErrorKind::StorageFull);
        for error in [
            KernelError::IOError(full()),
            KernelError::generic_err(io::Error::other(full())),
            KernelError::generic_err(full()).with_backtrace(),
            KernelError::ObjectStore(Generic { store: "LocalFileSystem", source: Box::new(full()) }),
        ] {
            let text = failed(Path::new("/data/t"), "written", error).to_string();
            assert_eq!(text, "the Delta table at /data/t cannot be written; free space on its disk");
        }
        let text = failed(Path::new("/data/t"), "read", KernelError::generic("no")).to_string();
        assert_eq!(text, "the Delta table at /data/t cannot be read");
    }
}
