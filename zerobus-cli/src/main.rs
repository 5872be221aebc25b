//! The program `zerobus`: rows of files into tables, and what is wrong where they do not arrive.
//!
//! It knows no rules of its own. What a table is, comes from `zerobus-codegen`; how rows are written and delivered, from
//! `zerobus-runtime`.
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
//! | `failure` | an error with everything that led to it |

mod arguments;
mod dead_letters;
mod doctor;
mod failure;
mod replay;
mod schema;
mod send;
mod workspace;

use std::io::{self, Write as _};
use std::process::ExitCode;

use arguments::Command;
use failure::Failure;

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
    match arguments::parse() {
        Command::Doctor(arguments) => finish(with_runtime(doctor::run(arguments))),
        Command::Replay(arguments) => finish(with_runtime(replay::run(arguments))),
        Command::Send(arguments) => finish(with_runtime(send::run(arguments))),
        #[cfg(feature = "codegen")]
        Command::Codegen(command) => {
            let outcome = command.run();
            // Whoever reads may have gone away (`| head`): the exit code is still theirs.
            let _ = io::stdout().write_all(outcome.out.as_bytes());
            let _ = io::stderr().write_all(outcome.err.as_bytes());
            ExitCode::from(outcome.code)
        }
    }
}

fn finish(result: Result<Outcome, Failure>) -> ExitCode {
    let outcome = result.unwrap_or_else(|failure| {
        let _ = writeln!(io::stderr(), "error: {failure}");
        Outcome::Failed
    });
    outcome.into()
}

fn with_runtime<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new("cannot start threads", error))?;
    let result = runtime.block_on(work);
    // A read of standard input may block for ever.
    runtime.shutdown_background();
    result
}
