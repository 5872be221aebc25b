//! The policy of drift: which changes are allowed and which fail a check, as `[drift]` of `zerobus.toml` sets it.
//!
//! ```toml
//! [drift]
//! fail-on = "some-rows-refused"   # this class and every worse one fails; `never`: nothing fails
//! warn-on = "safe"                # of the others, this class and every worse one is a warning, the rest a notice
//!
//! [[drift.allow]]
//! change = "retyped"              # one kind of change, or a list of them
//! path = "main.iot.readings.note" # a column, a table, or everything below a schema or a catalog
//! reason = "notes are cut to 80 characters by every writer since March"
//! until = 2027-06-30              # the last day of the allowance
//! ```

use std::fmt::{self, Display};
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Change, ChangeKind, Severity};
use crate::likely;

/// Which drift fails a check, and which is a warning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Policy {
    /// The changes that are allowed.
    pub allow: Vec<Allowance>,
    /// The least harmful class that fails; by default every class but `safe` fails.
    #[serde(alias = "fail_on")]
    pub fail_on: Option<Threshold>,
    /// The least harmful class that is a warning if it does not fail; by default all drift.
    #[serde(alias = "warn_on")]
    pub warn_on: Option<Threshold>,
}

/// A set of changes that is allowed until a date.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Allowance {
    /// The kinds of change.
    pub change: ChangeNames,
    /// The path, as in every other option, without regard to case.
    pub path: String,
    /// The reason for the allowance.
    #[serde(deserialize_with = "said")]
    pub reason: String,
    /// The last day of the allowance, in UTC.
    pub until: Day,
}

/// Kinds of change, by [`ChangeKind::name`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeNames(Vec<&'static str>);

/// A threshold for severities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Threshold {
    /// This class and every worse one.
    From(Severity),
    /// No class.
    Never,
}

/// A date, written `2027-06-30`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    year: i32,
    month: u8,
    of_month: u8,
}

/// The verdict of a policy on one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict<'a> {
    /// It is allowed.
    Allowed(&'a Allowance),
    /// It fails the check. If there is an allowance, it has expired.
    Fails(Option<&'a Allowance>),
    /// It is worth a notice.
    Notice,
    /// It is worth a warning.
    Warns,
}

impl Policy {
    /// The verdict on a change of this table on this day.
    #[must_use]
    pub fn judge(&self, table: &str, change: &Change, today: Day) -> Verdict<'_> {
        let place = place(table, change);
        let fitting = || self.allow.iter().filter(|allowance| allowance.fits(&place, &change.kind));
        if let Some(allowance) = fitting().find(|allowance| today <= allowance.until) {
            return Verdict::Allowed(allowance);
        }
        let fail_on = self.fail_on.unwrap_or(Threshold::From(Severity::SomeRowsRefused));
        if fail_on.is_reached(change.severity) {
            return Verdict::Fails(fitting().next());
        }
        if self.warn_on.unwrap_or(Threshold::From(Severity::Safe)).is_reached(change.severity) {
            return Verdict::Warns;
        }
        Verdict::Notice
    }

    /// Merges this policy with another; the other wins where both are set.
    #[must_use]
    pub fn merged(mut self, other: Self) -> Self {
        self.allow.extend(other.allow);
        Self { fail_on: other.fail_on.or(self.fail_on), warn_on: other.warn_on.or(self.warn_on), ..self }
    }
}

impl Allowance {
    /// Whether it applies to this table or to a column of it.
    #[must_use]
    pub fn concerns(&self, table: &str) -> bool {
        let (path, table) = (self.path.to_lowercase(), table.to_lowercase());
        is_below(&path, &table) || is_below(&table, &path)
    }

    fn fits(&self, place: &str, kind: &ChangeKind) -> bool {
        self.change.0.contains(&kind.name()) && is_below(&self.path.to_lowercase(), place)
    }
}

impl Threshold {
    /// Whether a class reaches the threshold.
    #[must_use]
    pub fn is_reached(self, severity: Severity) -> bool {
        match self {
            Self::From(least) => severity >= least,
            Self::Never => false,
        }
    }
}

/// The full path of a change, in lower case.
fn place(table: &str, change: &Change) -> String {
    let parts = std::iter::once(table).chain(change.path.segments().iter().map(String::as_str));
    parts.collect::<Vec<_>>().join(".").to_lowercase()
}

/// Whether a place equals the path or is below it; `.` is above everything.
fn is_below(path: &str, place: &str) -> bool {
    path == "." || place.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl Day {
    /// A date; `None` if the calendar does not have it.
    #[must_use]
    pub fn new(year: i32, month: u8, day: u8) -> Option<Self> {
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let last = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if is_leap => 29,
            2 => 28,
            _ => return None,
        };
        ((1..=9999).contains(&year) && (1..=last).contains(&day)).then_some(Self { year, month, of_month: day })
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split('-').map(|part| part.bytes().all(|b| b.is_ascii_digit()).then_some(part));
        let mut part = |digits| parts.next().flatten().filter(|part| part.len() == digits);
        let parsed = (|| {
            let (year, month, day) = (part(4)?, part(2)?, part(2)?);
            Self::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
        })();
        parsed
            .filter(|_| parts.next().is_none())
            .ok_or_else(|| format!("`{text}` is not a date; write it as 2027-06-30"))
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self::Never);
        }
        let found = Severity::ALL.into_iter().find(|severity| severity.name() == text);
        found.map(Self::From).ok_or_else(|| {
            let names = Severity::ALL.map(Severity::name).join(", ");
            format!("`{text}` is not a class of drift; expected one of {names}, never")
        })
    }
}

impl FromStr for ChangeNames {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        name(text).map(|name| Self(vec![name]))
    }
}

fn name(text: &str) -> Result<&'static str, String> {
    ChangeKind::NAMES.into_iter().find(|name| *name == text).ok_or_else(|| {
        let likely = likely(text, ChangeKind::NAMES).map(|name| format!("did you mean `{name}`?"));
        let help = likely.unwrap_or_else(|| format!("expected one of {}", ChangeKind::NAMES.join(", ")));
        format!("`{text}` is not a kind of change; {help}")
    })
}

impl Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.of_month)
    }
}

impl<'de> Deserialize<'de> for Threshold {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for ChangeNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMany)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrDate)
    }
}

fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.trim().is_empty() {
        Err(D::Error::custom("the reason is empty; say why the change is allowed"))
    } else {
        Ok(text)
    }
}

struct OneOrMany;

impl<'de> Visitor<'de> for OneOrMany {
    type Value = ChangeNames;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a kind of change, or a list of them")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ChangeNames, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ChangeNames, A::Error> {
        let mut names = Vec::new();
        while let Some(text) = list.next_element::<String>()? {
            names.push(name(&text).map_err(A::Error::custom)?);
        }
        if names.is_empty() { Err(A::Error::custom("the list of changes is empty")) } else { Ok(ChangeNames(names)) }
    }
}

struct TextOrDate;

impl<'de> Visitor<'de> for TextOrDate {
    type Value = Day;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a day such as 2027-06-30")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Day, E> {
        text.parse().map_err(E::custom)
    }

    /// serde receives an unquoted TOML date as a map of one entry, whose value is its text.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Day, A::Error> {
        match map.next_entry::<IgnoredAny, String>()? {
            Some((_, text)) => text.parse().map_err(A::Error::custom),
            None => Err(A::Error::custom("expected a day such as 2027-06-30")),
        }
    }
}
