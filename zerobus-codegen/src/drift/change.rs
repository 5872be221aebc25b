//! One change of a table: what happened, where, what it does to a program that is deployed, and why.

use std::borrow::Cow;
use std::fmt::{self, Display};

use crate::{ColumnPath, Obstacle, Printable};

/// What a change does to a program that was built from the schema before it.
///
/// The classes are ordered: of several changes the greatest decides what happens to the program. A stream that does not
/// open writes nothing wrong, so `Breaking` is the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[non_exhaustive]
pub enum Severity {
    /// Nothing: it goes on writing, and every value keeps its meaning.
    Safe,
    /// It goes on writing, but the table no longer takes every value that it took before.
    SomeRowsRefused,
    /// It goes on writing, and the table stores something else than was meant.
    SilentlyWrong,
    /// It can no longer write.
    Breaking,
}

/// What happened at one place of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeKind {
    /// A column is new.
    Added {
        /// Its type.
        data_type: String,
        /// Whether it may be left out.
        nullable: bool,
    },
    /// A column is gone.
    Dropped,
    /// The table computes the column itself, which it did not before.
    MadeGenerated,
    /// NOT NULL was added to a column.
    MadeNotNull,
    /// NOT NULL was taken from a column.
    MadeNullable,
    /// A row carries a column that the table computed itself before.
    MadePlain {
        /// Its type.
        data_type: String,
        /// Whether it may be left out.
        nullable: bool,
    },
    /// A column stands elsewhere among the others.
    Moved,
    /// The service refuses the table for something that was not there before, or is reported to.
    ObstacleAdded(Obstacle),
    /// What the service refused the table for is gone.
    ObstacleRemoved(Obstacle),
    /// A column has another name.
    Renamed {
        /// The new name.
        to: String,
    },
    /// A column has another type.
    Retyped {
        /// The old type.
        from: String,
        /// The new type.
        to: String,
    },
    /// The table is new.
    TableAdded,
    /// The table is gone.
    TableDropped,
    /// Zerobus cannot write to the table.
    Unsupported {
        /// What was found.
        found: String,
    },
}

/// One change of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Where: under the old name, if there was one; empty for the table as a whole.
    pub path: ColumnPath,
    /// What happened.
    pub kind: ChangeKind,
    /// What it does to a program that is deployed.
    pub severity: Severity,
    /// Why it does that, or what to do about it.
    pub reason: Cow<'static, str>,
}

impl Severity {
    /// Every class, the least harmful first.
    pub const ALL: [Self; 4] = [Self::Safe, Self::SomeRowsRefused, Self::SilentlyWrong, Self::Breaking];

    /// The class as programs and options name it: `safe`, `some-rows-refused`, `silently-wrong`, `breaking`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Breaking => "breaking",
            Self::Safe => "safe",
            Self::SilentlyWrong => "silently-wrong",
            Self::SomeRowsRefused => "some-rows-refused",
        }
    }
}

impl ChangeKind {
    /// Every name of a kind.
    pub const NAMES: [&'static str; 14] = [
        "added",
        "dropped",
        "made_generated",
        "made_not_null",
        "made_nullable",
        "made_plain",
        "moved",
        "obstacle_added",
        "obstacle_removed",
        "renamed",
        "retyped",
        "table_added",
        "table_dropped",
        "unsupported",
    ];

    /// The kind as programs and options name it, one word: `added`, `made_not_null`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Added { .. } => "added",
            Self::Dropped => "dropped",
            Self::MadeGenerated => "made_generated",
            Self::MadeNotNull => "made_not_null",
            Self::MadeNullable => "made_nullable",
            Self::MadePlain { .. } => "made_plain",
            Self::Moved => "moved",
            Self::ObstacleAdded(_) => "obstacle_added",
            Self::ObstacleRemoved(_) => "obstacle_removed",
            Self::Renamed { .. } => "renamed",
            Self::Retyped { .. } => "retyped",
            Self::TableAdded => "table_added",
            Self::TableDropped => "table_dropped",
            Self::Unsupported { .. } => "unsupported",
        }
    }
}

impl Change {
    pub(super) fn new(
        path: ColumnPath,
        kind: ChangeKind,
        severity: Severity,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { path, kind, severity, reason: reason.into() }
    }
}

impl Display for Severity {
    /// The class as people read it: `some rows refused`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Breaking => "breaking",
            Self::Safe => "safe",
            Self::SilentlyWrong => "silently wrong",
            Self::SomeRowsRefused => "some rows refused",
        })
    }
}

impl Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not_null = |nullable: bool| if nullable { "" } else { " NOT NULL" };
        match self {
            Self::Added { data_type, nullable } => write!(f, "added as {data_type}{}", not_null(*nullable)),
            Self::Dropped => f.write_str("dropped"),
            Self::MadeGenerated => f.write_str("made a generated column"),
            Self::MadeNotNull => f.write_str("made NOT NULL"),
            Self::MadeNullable => f.write_str("made nullable"),
            Self::MadePlain { data_type, nullable } => {
                write!(f, "made a plain column, {data_type}{}", not_null(*nullable))
            }
            Self::Moved => f.write_str("moved among the columns"),
            Self::ObstacleAdded(obstacle) => write!(f, "the table got {obstacle}"),
            Self::ObstacleRemoved(obstacle) => write!(f, "the table lost {obstacle}"),
            Self::Renamed { to } => write!(f, "renamed to {}", Printable(to)),
            Self::Retyped { from, to } => write!(f, "retyped from {from} to {to}"),
            Self::TableAdded => f.write_str("the table is new"),
            Self::TableDropped => f.write_str("the table is gone"),
            Self::Unsupported { found } => write!(f, "{}, so Zerobus cannot write to the table", Printable(found)),
        }
    }
}

impl Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.segments().is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}; {}", self.kind, Printable(&self.reason))
    }
}
