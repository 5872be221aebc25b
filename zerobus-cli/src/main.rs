//! The program `zerobus`: it sends rows from files to tables, and finds out why rows do not arrive.
//!
//! It has no rules of its own: `zerobus-codegen` defines what a table is, and `zerobus-runtime` encodes and delivers
//! rows.
//!
//! | file | what it owns |
//! |---|---|
//! | `arguments` | the commands and their help |
//! | `workspace` | the addresses of workspace and service, and the credentials |
//! | `schema` | the source of a table's schema |
//! | `doctor` | `doctor`: checks layer by layer what works and what does not |
//! | `send` | `send`: sends the rows of files to a table |
//! | `replay` | `replay`: sends rows again that were returned or refused |
//! | `dead_letters` | the file of dead letters |
//! | `replace` | a file whose content is replaced atomically |
//! | `emulator` | `emulator`: runs the program `zerobus-emulator` |
//! | `manual` | `completions` and `man` |
//! | `signal` | Ctrl-C and SIGTERM |
//! | `terminal` | output to stdout and stderr |
//! | `failure` | an error with its causes |

mod arguments;
mod dead_letters;
mod doctor;
mod emulator;
mod failure;
mod manual;
mod replace;
mod replay;
mod schema;
mod send;
mod signal;
mod terminal;
mod workspace;

use std::io::{self, Write as _};
use std::process::ExitCode;

use arguments::{Arguments, Command};
use failure::Failure;
use tokio::runtime::Builder;

/// One thread allocates the row buffers and another frees them. glibc would return their memory to the system, and
/// every new buffer would cost a page fault for each page; jemalloc keeps the memory for the next buffer.
#[cfg(all(unix, feature = "jemalloc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How a command ended; it determines the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Everything was done.
    Done,
    /// Something failed.
    Failed,
    /// Everything was done except that some rows were refused.
    SomeRefused,
}

/// How much is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verbosity {
    /// Progress as well.
    Normal,
    /// Only problems, and the output that the command is for.
    Quiet,
}

#[cfg(feature = "codegen")]
impl From<Verbosity> for zerobus_codegen::cli::Verbosity {
    fn from(verbosity: Verbosity) -> Self {
        match verbosity {
            Verbosity::Normal => Self::Normal,
            Verbosity::Quiet => Self::Quiet,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Done => 0,
            Outcome::Failed => 1,
            Outcome::SomeRefused => 3,
        })
    }
}

fn main() -> ExitCode {
    let Arguments { command, quiet } = arguments::parse();
    let verbosity = if quiet { Verbosity::Quiet } else { Verbosity::Normal };
    match command {
        Command::Doctor(arguments) => finish(with_runtime(two_threads(), doctor::run(arguments))),
        Command::Replay(arguments) => finish(with_runtime(two_threads(), replay::run(arguments))),
        Command::Send(arguments) => {
            let threads = if arguments.lanes.get() == 1 { one_thread() } else { two_threads() };
            finish(with_runtime(threads, send::run(arguments, verbosity)))
        }
        #[cfg(feature = "codegen")]
        Command::Codegen(command) => {
            let outcome = command.run(verbosity.into());
            // The reader may be gone (`| head`); the exit code still counts.
            let _ = io::stdout().write_all(arguments::with_own_commands(&outcome.out).as_bytes());
            let _ = io::stderr().write_all(arguments::with_own_commands(&outcome.err).as_bytes());
            ExitCode::from(outcome.code)
        }
        Command::Emulator(arguments) => {
            emulator::run(&arguments.arguments).unwrap_or_else(|failure| finish(Err(failure)))
        }
        Command::Completions(arguments) => finish(print(&manual::completions(&arguments, arguments::program()))),
        Command::Man(arguments) => finish(manual::page(&arguments, arguments::program()).and_then(|page| print(&page))),
    }
}

/// Prints the output of a command.
fn print(text: &[u8]) -> Result<Outcome, Failure> {
    match io::stdout().write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new("cannot print", error)),
        _ => Ok(Outcome::Done),
    }
}

fn finish(result: Result<Outcome, Failure>) -> ExitCode {
    let outcome = result.unwrap_or_else(|failure| {
        terminal::remark(format_args!("error: {failure}"));
        Outcome::Failed
    });
    outcome.into()
}

/// A runtime whose tasks run on the command's own thread, so that rows are sent on the core that wrote them.
fn one_thread() -> Builder {
    Builder::new_current_thread()
}

/// A runtime with a second thread for its tasks, for several streams: one thread cannot keep up with them.
fn two_threads() -> Builder {
    let mut threads = Builder::new_multi_thread();
    threads.worker_threads(1);
    threads
}

fn with_runtime<T>(mut threads: Builder, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = threads.enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new("cannot start threads", error))?;
    let result = runtime.block_on(work);
    // A read of standard input may block forever.
    runtime.shutdown_background();
    result
}
