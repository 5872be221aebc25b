//! The program `zerobus`: rows of files into tables, and what is wrong where they do not arrive.
//!
//! It knows no rules of its own. What a table is, comes from `zerobus-codegen`; how rows are written and delivered,
//! from `zerobus-runtime`.
//!
//! | file | what it owns |
//! |---|---|
//! | `arguments` | the commands and their help |
//! | `workspace` | where the service is and as whom to ask it |
//! | `schema` | where the schema of a table comes from |
//! | `doctor` | `doctor`: layer by layer, what works and what does not |
//! | `send` | `send`: files into a table |
//! | `replay` | `replay`: rows that were returned or refused, once more |
//! | `dead_letters` | such rows as lines of a file |
//! | `replace` | a file whose content is replaced at once |
//! | `emulator` | `emulator`: the program of that name |
//! | `manual` | `completions` and `man` |
//! | `terminal` | what is printed |
//! | `failure` | an error with everything that led to it |

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
mod terminal;
mod workspace;

use std::io::{self, Write as _};
use std::process::ExitCode;

use arguments::{Arguments, Command};
use failure::Failure;
use tokio::runtime::Builder;

/// Buffers of rows are allocated by one thread and freed by another. glibc gives their memory back to the system and
/// takes it anew, a page fault for each page; jemalloc keeps it for the next.
#[cfg(all(unix, feature = "jemalloc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What the program leaves behind, as its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Everything was done.
    Done,
    /// Something was not.
    Failed,
    /// Everything was done but for rows that were refused.
    SomeRefused,
}

/// How much is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verbosity {
    /// What is being done as well.
    Normal,
    /// What went wrong, and what was asked for.
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
            // Whoever reads may have gone away (`| head`): the exit code is still theirs.
            let _ = io::stdout().write_all(outcome.out.as_bytes());
            let _ = io::stderr().write_all(outcome.err.as_bytes());
            ExitCode::from(outcome.code)
        }
        Command::Emulator(arguments) => {
            emulator::run(&arguments.arguments).unwrap_or_else(|failure| finish(Err(failure)))
        }
        Command::Completions(arguments) => finish(print(&manual::completions(&arguments, arguments::program()))),
        Command::Man(arguments) => finish(manual::page(&arguments, arguments::program()).and_then(|page| print(&page))),
    }
}

/// Prints what was asked for.
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

/// A runtime whose tasks share the thread of the command: rows are sent by the core that has written them.
fn one_thread() -> Builder {
    Builder::new_current_thread()
}

/// A runtime with a thread for its tasks, for streams that together send more than the command's own thread can.
fn two_threads() -> Builder {
    let mut threads = Builder::new_multi_thread();
    threads.worker_threads(1);
    threads
}

fn with_runtime<T>(mut threads: Builder, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = threads.enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new("cannot start threads", error))?;
    let result = runtime.block_on(work);
    // A read of standard input may block for ever.
    runtime.shutdown_background();
    result
}
