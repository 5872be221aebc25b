//! Findings: for each layer a state, a sentence, and a command if one helps.

use std::fmt::{self, Display};

use serde_json::{Value, json};
use zerobus_codegen::{Printable, TableName};

use crate::arguments::Doctor;

/// The layers in order; each depends on those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Layer {
    Environment,
    Endpoint,
    Name,
    Connection,
    Proxy,
    Tls,
    Clock,
    WorkspaceToken,
    Entitlement,
    Table,
    Grants,
    TableToken,
    Kind,
    Drift,
    Stream,
}

impl Layer {
    const ALL: [Self; 15] = [
        Self::Environment,
        Self::Endpoint,
        Self::Name,
        Self::Connection,
        Self::Proxy,
        Self::Tls,
        Self::Clock,
        Self::WorkspaceToken,
        Self::Entitlement,
        Self::Table,
        Self::Grants,
        Self::TableToken,
        Self::Kind,
        Self::Drift,
        Self::Stream,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Connection => "connection",
            Self::Drift => "drift",
            Self::Endpoint => "endpoint",
            Self::Entitlement => "entitlement",
            Self::Environment => "environment",
            Self::Grants => "grants",
            Self::Kind => "table-kind",
            Self::Name => "name",
            Self::Proxy => "proxy",
            Self::Stream => "stream",
            Self::Table => "table",
            Self::TableToken => "table-token",
            Self::Tls => "tls",
            Self::WorkspaceToken => "workspace-token",
        }
    }

    /// Whether the layer checks a table.
    const fn needs_table(self) -> bool {
        matches!(self, Self::Table | Self::Grants | Self::TableToken | Self::Kind | Self::Drift | Self::Stream)
    }
}

/// The state of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Failed,
    Fine,
    Skipped,
    Warning,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Fine => "ok",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
        }
    }
}

#[derive(Debug)]
struct Finding {
    layer: Layer,
    state: State,
    found: String,
    command: Option<String>,
}

/// The findings so far.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    /// Adds that a layer works.
    pub(super) fn fine(&mut self, layer: Layer, found: impl Into<String>) {
        self.add(layer, State::Fine, found.into(), None);
    }

    /// Adds that a layer does not work; the command fixes it or shows more.
    pub(super) fn failed(&mut self, layer: Layer, found: impl Into<String>, command: impl Into<String>) {
        self.add(layer, State::Failed, found.into(), Some(command.into()));
    }

    /// Adds that a layer may have a problem.
    pub(super) fn warning(&mut self, layer: Layer, found: impl Into<String>, command: impl Into<String>) {
        self.add(layer, State::Warning, found.into(), Some(command.into()));
    }

    /// Adds that a layer was not checked.
    pub(super) fn skipped(&mut self, layer: Layer, found: impl Into<String>) {
        self.add(layer, State::Skipped, found.into(), None);
    }

    fn add(&mut self, layer: Layer, state: State, found: String, command: Option<String>) {
        self.0.push(Finding { layer, state, found, command });
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    pub(super) fn failed_at(&self, layer: Layer) -> bool {
        self.0.iter().any(|finding| finding.layer == layer && finding.state == State::Failed)
    }

    pub(super) fn any_failed(&self) -> bool {
        self.0.iter().any(|finding| finding.state == State::Failed)
    }

    /// Adds a reason for each layer that was not checked.
    pub(super) fn skip_the_rest(&mut self, arguments: &Doctor) {
        let broken = self.0.iter().find(|finding| finding.state == State::Failed).map(|finding| finding.layer.name());
        for layer in Layer::ALL {
            if self.0.iter().any(|finding| finding.layer == layer) {
                continue;
            }
            let why = match broken {
                _ if layer.needs_table() && arguments.table.is_none() => "no table was named".to_owned(),
                _ if layer == Layer::Stream && !arguments.open => "--open was not given".to_owned(),
                _ if layer == Layer::Drift && arguments.schemas.is_empty() => {
                    "no snapshot was named with --schemas".to_owned()
                }
                Some(broken) => format!("it cannot be judged while `{broken}` fails"),
                None => "it does not apply".to_owned(),
            };
            self.skipped(layer, why);
        }
        self.0.sort_by_key(|finding| finding.layer);
    }

    /// The findings as one JSON document.
    pub(super) fn json(&self, table: Option<&TableName>) -> Value {
        let checks = self.0.iter().map(|finding| {
            json!({
                "layer": finding.layer.name(),
                "state": finding.state.name(),
                "found": finding.found,
                "command": finding.command,
            })
        });
        json!({
            "table": table.map(ToString::to_string),
            "ok": !self.any_failed(),
            "checks": checks.collect::<Vec<_>>(),
        })
    }
}

impl Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { layer, state, found, command } in &self.0 {
            writeln!(f, "{:<8} {:<16} {}", state.name(), layer.name(), Printable(found))?;
            for line in command.iter().flat_map(|command| command.lines()) {
                writeln!(f, "{:25} $ {}", "", Printable(line))?;
            }
        }
        Ok(())
    }
}
