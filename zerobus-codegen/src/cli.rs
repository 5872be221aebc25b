//! The command line: a function from arguments to text and an exit code, over the library.
//!
//! | file | what it owns |
//! |---|---|
//! | `arguments` | the commands and their help |
//! | `check` | `check`: generated files against snapshots, snapshots against the catalog |
//! | `ddl` | `ddl`: snapshots as SQL |
//! | `diff` | `diff`: two snapshots, or two folders of them |
//! | `findings` | what a check found, as text, JSON or GitHub annotations |
//! | `fetch` | `fetch`: snapshots from a catalog |
//! | `generate` | `generate`: Rust, `.proto` and descriptors from snapshots |
//! | `progress` | a bar on a terminal, nothing in CI |

mod arguments;
mod check;
mod ddl;
mod diff;
mod fetch;
mod findings;
mod generate;
mod progress;

use std::ffi::OsString;
use std::fmt::Write as _;

use clap::Parser as _;

use arguments::{Arguments, Command};

/// What a run of the program leaves behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// What belongs on standard output.
    pub out: String,
    /// What belongs on standard error.
    pub err: String,
    /// The exit code: 0 for success, 1 for an error, 2 for arguments that make no sense; of `check` and `diff` also 3
    /// for drift that is safe and 4 for drift that breaks a program.
    pub code: u8,
}

impl Outcome {
    /// An error, with everything that led to it.
    fn failed(error: &dyn std::error::Error) -> Self {
        let mut outcome = Self::default();
        outcome.fail(error);
        outcome
    }

    /// Adds an error to what is told.
    fn fail(&mut self, error: &dyn std::error::Error) {
        self.code = 1;
        // Writing to a String cannot fail.
        let _ = writeln!(self.err, "error: {}", chain(error));
    }

    /// Adds something that the user should know.
    fn warn(&mut self, warning: &dyn std::fmt::Display) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.err, "warning: {warning}");
    }

    /// Adds a line of output.
    fn line(&mut self, line: impl AsRef<str>) {
        self.out.push_str(line.as_ref());
        self.out.push('\n');
    }
}

/// An error's text, with everything that led to it on lines of its own.
fn chain(error: &dyn std::error::Error) -> String {
    crate::error::with_causes(error, "\n  caused by: ")
}

/// Runs the program with these arguments, the first being its name.
///
/// ```
/// let outcome = zerobus_codegen::cli::run(["zerobus-codegen", "--version"]);
/// assert_eq!(outcome.code, 0);
/// assert!(outcome.out.starts_with("zerobus-codegen "));
/// ```
pub fn run(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Outcome {
    match Arguments::try_parse_from(arguments) {
        Ok(Arguments { command }) => match command {
            Command::Check(arguments) => check::run(&arguments),
            Command::Ddl(arguments) => ddl::run(&arguments),
            Command::Diff(arguments) => diff::run(&arguments),
            Command::Fetch(arguments) => fetch::run(&arguments),
            Command::Generate(arguments) => generate::run(&arguments),
        },
        Err(error) => {
            let text = error.render().to_string();
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            if error.use_stderr() {
                Outcome { err: text, code, ..Outcome::default() }
            } else {
                Outcome { out: text, code, ..Outcome::default() }
            }
        }
    }
}
