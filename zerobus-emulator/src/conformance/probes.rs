//! Every probe, by area.

mod descriptor;
mod opening;
mod records;
mod requests;
mod rest;
mod tokens;

use std::future::Future;
use std::pin::Pin;

use super::{Outcome, Target};

/// What a probe does.
type Run = for<'a> fn(&'a Target) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// One rule that a client can observe.
pub(crate) struct Probe {
    /// Its name in CONFORMANCE.md.
    pub(crate) name: &'static str,
    /// The rule, in a sentence.
    pub(crate) rule: &'static str,
    /// The emulator's outcome. A star after a code marks the emulator's own choice: no source has the service's code.
    pub(crate) emulator: &'static str,
    /// Whether a public source says that the service does the same.
    pub(crate) is_certain: bool,
    pub(crate) run: Run,
}

/// How an outcome compares with the emulator's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Likeness {
    Different,
    /// The same status, with another code than the emulator's own.
    OtherCode,
    Same,
}

impl Probe {
    pub(crate) fn compare(&self, observed: &Outcome) -> Likeness {
        let observed = observed.to_string();
        let (emulator, is_own_code) = match self.emulator.strip_suffix('*') {
            Some(emulator) => (format!("{emulator}/0"), true),
            None => (self.emulator.to_owned(), false),
        };
        let status = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
        if observed == emulator {
            Likeness::Same
        } else if is_own_code && status(&observed) == status(&emulator) {
            Likeness::OtherCode
        } else {
            Likeness::Different
        }
    }
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, self.emulator)
    }
}

/// All probes, in the order of CONFORMANCE.md.
pub(crate) fn all() -> Vec<&'static Probe> {
    let areas: [&[Probe]; 6] =
        [tokens::PROBES, opening::PROBES, descriptor::PROBES, requests::PROBES, records::PROBES, rest::PROBES];
    areas.into_iter().flatten().collect()
}

/// A probe of a rule that a public source documents.
const fn known(name: &'static str, rule: &'static str, emulator: &'static str, run: Run) -> Probe {
    Probe { name, rule, emulator, is_certain: true, run }
}

/// A probe of a rule, a code or a text that the emulator has chosen.
const fn uncertain(name: &'static str, rule: &'static str, emulator: &'static str, run: Run) -> Probe {
    Probe { name, rule, emulator, is_certain: false, run }
}

/// The outcome of a step that may end a probe early.
fn settle(result: Result<Outcome, Outcome>) -> Outcome {
    result.unwrap_or_else(|outcome| outcome)
}
