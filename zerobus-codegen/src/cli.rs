//! The command line: a function from arguments to text and an exit code, built on the library.
//!
//! | file | what it owns |
//! |---|---|
//! | `arguments` | the commands and their help |
//! | `check` | `check`: compares generated files with snapshots, and snapshots with the catalog |
//! | `ddl` | `ddl`: prints snapshots as SQL |
//! | `diff` | `diff`: compares two snapshots or folders of snapshots, or one with a commit |
//! | `findings` | the findings of a check, with the policy's verdicts, in an output format |
//! | `fetch` | `fetch`: writes snapshots from a catalog |
//! | `generate` | `generate`: writes Rust, `.proto` and descriptors from snapshots |
//! | `git` | the files of a commit |
//! | `manual` | `completions` and `man` |
//! | `progress` | the progress bar |
//! | `report` | the results of `fetch` and `generate`, as text or JSON |

mod arguments;
mod check;
mod ddl;
mod diff;
mod fetch;
mod findings;
mod generate;
mod git;
mod manual;
mod progress;
mod report;

use std::ffi::OsString;
use std::fmt::Write as _;

use clap::Parser as _;

use arguments::{Arguments, ProgramCommand};
pub use arguments::{Command, Verbosity};

/// The output and the exit code of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// The text for standard output.
    pub out: String,
    /// The text for standard error.
    pub err: String,
    /// The exit code: 0 for success, 1 for an error, 2 for invalid arguments. For `check` and `diff` also the class of
    /// drift: 3 for safe, 4 for breaking, 5 for some rows refused, 6 for silently wrong.
    pub code: u8,
}

impl Outcome {
    /// An error with its causes.
    fn failed(error: &dyn std::error::Error) -> Self {
        let mut outcome = Self::default();
        outcome.fail(error);
        outcome
    }

    /// Arguments of a command that are invalid together.
    fn usage(command: &str, text: &str) -> Self {
        let err = format!("error: {text}\n\nFor more information, try `zerobus-codegen {command} --help`.\n");
        Self { err, code: 2, ..Self::default() }
    }

    /// Adds an error.
    fn fail(&mut self, error: &dyn std::error::Error) {
        self.fault(&chain(error));
    }

    /// Adds an error by its text.
    fn fault(&mut self, text: &str) {
        self.code = 1;
        // Writing to a String cannot fail.
        let _ = writeln!(self.err, "error: {text}");
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

/// An error's text, followed by its causes, one per line.
fn chain(error: &dyn std::error::Error) -> String {
    crate::error::with_causes(error, "\n  caused by: ")
}

impl Command {
    /// Runs the command.
    #[must_use]
    pub fn run(&self, verbosity: Verbosity) -> Outcome {
        match self {
            Self::Check(arguments) => check::run(arguments, verbosity),
            Self::Ddl(arguments) => ddl::run(arguments),
            Self::Diff(arguments) => diff::run(arguments, verbosity),
            Self::Fetch(arguments) => fetch::run(arguments, verbosity),
            Self::Generate(arguments) => generate::run(arguments, verbosity),
        }
    }
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
        Ok(Arguments { command, quiet }) => {
            let verbosity = if quiet { Verbosity::Quiet } else { Verbosity::Normal };
            match command {
                ProgramCommand::Completions(arguments) => manual::completions(&arguments),
                ProgramCommand::Man(arguments) => manual::page(&arguments),
                ProgramCommand::OfTables(command) => command.run(verbosity),
            }
        }
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
