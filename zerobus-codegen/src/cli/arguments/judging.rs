//! Arguments that set the policy of drift and the format of findings.

use clap::{Args, ValueEnum};

use crate::{Policy, Threshold};

/// The policy of drift and the output format.
#[derive(Debug, Args)]
pub(in crate::cli) struct Judging {
    /// The format of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(in crate::cli) format: Format,
    /// The least harmful class of drift that fails, instead of drift.fail-on of zerobus.toml: safe,
    /// some-rows-refused, silently-wrong, breaking or never.
    #[arg(long, value_name = "CLASS")]
    fail_on: Option<Threshold>,
    /// The least harmful class of drift that is a warning, unless it fails.
    #[arg(long, value_name = "CLASS")]
    warn_on: Option<Threshold>,
}

impl Judging {
    /// The policy of the file, overridden by the arguments.
    pub(in crate::cli) fn policy(&self, file: Policy) -> Policy {
        file.merged(Policy { fail_on: self.fail_on, warn_on: self.warn_on, ..Policy::default() })
    }
}

/// The format of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Format {
    /// Annotations of a GitHub workflow: each finding at its line.
    Github,
    /// One JSON document.
    Json,
    /// JUnit XML, for the test report of a CI system.
    Junit,
    /// A Markdown table, for a comment on a pull request.
    Markdown,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Lines of text.
    Text,
}

/// How much is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// Progress as well.
    Normal,
    /// Only problems, and the output that the command is for.
    Quiet,
}

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ReportFormat {
    /// One JSON document.
    Json,
    /// Lines of text.
    Text,
}
