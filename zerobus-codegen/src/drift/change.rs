//! One change of a table: its kind, path, severity and reason.

use std::borrow::Cow;
use std::fmt::{self, Display};

use crate::{ColumnPath, Obstacle, Printable};

/// The effect of a change on a program built from the older schema.
///
/// The variants are ordered by harm, and the greatest of several changes decides. A stream that does not open writes no
/// wrong data, but `Breaking` is still the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[non_exhaustive]
pub enum Severity {
    /// The program keeps working, and every value keeps its meaning.
    Safe,
    /// The program keeps writing, but the table no longer accepts every value that it accepted before.
    SomeRowsRefused,
    /// The program keeps writing, and the table stores values with another meaning.
    SilentlyWrong,
    /// The program can no longer write.
    Breaking,
}

/// The kind of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeKind {
    /// A column is new.
    Added {
        /// Its type.
        data_type: String,
        /// Whether it is nullable.
        nullable: bool,
    },
    /// A column was dropped.
    Dropped,
    /// A column became a generated column.
    MadeGenerated,
    /// NOT NULL was added to a column.
    MadeNotNull,
    /// NOT NULL was dropped from a column.
    MadeNullable,
    /// A generated column became a plain one.
    MadePlain {
        /// Its type.
        data_type: String,
        /// Whether it is nullable.
        nullable: bool,
    },
    /// A column moved among the others.
    Moved,
    /// The table has a new obstacle.
    ObstacleAdded(Obstacle),
    /// The table lost an obstacle.
    ObstacleRemoved(Obstacle),
    /// A column was renamed.
    Renamed {
        /// The new name.
        to: String,
    },
    /// The type of a column changed.
    Retyped {
        /// The old type.
        from: String,
        /// The new type.
        to: String,
    },
    /// The table is new.
    TableAdded,
    /// The table was dropped.
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
    /// The path, with the old name if there was one; empty for the table as a whole.
    pub path: ColumnPath,
    /// What happened.
    pub kind: ChangeKind,
    /// The effect on a deployed program.
    pub severity: Severity,
    /// The reason for the effect, or the remedy.
    pub reason: Cow<'static, str>,
}

impl Severity {
    /// Every class, least harmful first.
    pub const ALL: [Self; 4] = [Self::Safe, Self::SomeRowsRefused, Self::SilentlyWrong, Self::Breaking];

    /// The identifier in options and machine-readable output: `safe`, `some-rows-refused`, `silently-wrong`,
    /// `breaking`.
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

    /// The identifier in options and machine-readable output: `added`, `made_not_null`.
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
    /// The class in text for people: `some rows refused`.
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
