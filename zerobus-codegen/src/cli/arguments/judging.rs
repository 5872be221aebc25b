//! Arguments that set the policy of drift and the format of findings.

use clap::{Args, ValueEnum};

use crate::{Policy, Threshold};

/// The policy of drift and the output format.
#[derive(Debug, Args)]
pub(in crate::cli) struct Judging {
    /// How to print what was found.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(in crate::cli) format: Format,
    /// The least harmful class of drift that fails, instead of drift.fail-on of zerobus.toml: safe,
    /// some-rows-refused, silently-wrong, breaking or never.
    #[arg(long, value_name = "CLASS")]
    fail_on: Option<Threshold>,
    /// The least harmful class of drift that is a warning where it does not fail.
    #[arg(long, value_name = "CLASS")]
    warn_on: Option<Threshold>,
}

impl Judging {
    /// The policy of the file, overridden by the arguments.
    pub(in crate::cli) fn policy(&self, file: Policy) -> Policy {
        file.merged(Policy { fail_on: self.fail_on, warn_on: self.warn_on, ..Policy::default() })
    }
}

/// How to print what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Format {
    /// Annotations of a GitHub workflow: each finding at its line.
    Github,
    /// One JSON document.
    Json,
    /// JUnit's XML, for the test report of a CI system.
    Junit,
    /// A table of Markdown, for a comment on a pull request.
    Markdown,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Lines for people.
    Text,
}

/// How much is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// What was done as well.
    Normal,
    /// What went wrong, and what was asked for.
    Quiet,
}

/// How to print what was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ReportFormat {
    /// One JSON document.
    Json,
    /// Lines for people.
    Text,
}
