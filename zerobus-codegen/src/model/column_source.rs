//! The source of a column's value if a row has none, as Delta stores it in the metadata of the column's field.
//!
//! | SQL | metadata |
//! |---|---|
//! | `DEFAULT expression` | `CURRENT_DEFAULT` |
//! | `GENERATED ALWAYS AS (expression)` | `delta.generationExpression` |
//! | `GENERATED … AS IDENTITY (START WITH n INCREMENT BY n)` | `delta.identity.start`, `.step`, `.allowExplicitInsert` |

use serde_json::{Map, Value};

const DEFAULT: &str = "CURRENT_DEFAULT";
const GENERATED: &str = "delta.generationExpression";
const IDENTITY: &str = "delta.identity.";
const START: &str = "delta.identity.start";
const STEP: &str = "delta.identity.step";
const EXPLICIT: &str = "delta.identity.allowExplicitInsert";

/// The source of a column's value if a row has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ColumnSource {
    /// An expression; a value in the row takes precedence.
    Default(String),
    /// An expression; a row must not have a value.
    Generated(String),
    /// A counter.
    Identity {
        start: i64,
        step: i64,
        /// Whether a row may have a value.
        explicit: bool,
    },
}

impl ColumnSource {
    /// Reads the source from the metadata of a field.
    pub(crate) fn read(metadata: &Map<String, Value>) -> Option<Self> {
        let text = |key: &str| metadata.get(key).map(|value| value.as_str().unwrap_or_default().to_owned());
        if let Some(expression) = text(GENERATED) {
            return Some(Self::Generated(expression));
        }
        if metadata.keys().any(|key| key.starts_with(IDENTITY)) {
            let number = |key: &str| metadata.get(key).and_then(Value::as_i64).unwrap_or(1);
            let explicit = metadata.get(EXPLICIT).and_then(Value::as_bool).unwrap_or(false);
            return Some(Self::Identity { start: number(START), step: number(STEP), explicit });
        }
        text(DEFAULT).filter(|expression| !expression.is_empty()).map(Self::Default)
    }

    /// Whether the table computes the value, so that a row omits the column.
    pub(crate) const fn is_computed(&self) -> bool {
        matches!(self, Self::Generated(_) | Self::Identity { .. })
    }

    /// Writes the source to the metadata of a field.
    #[cfg(feature = "ddl")]
    pub(crate) fn write(&self, metadata: &mut Map<String, Value>) {
        let mut say = |key: &str, value: Value| metadata.insert(key.to_owned(), value);
        match self {
            Self::Default(expression) => {
                say(DEFAULT, expression.as_str().into());
            }
            Self::Generated(expression) => {
                say(GENERATED, expression.as_str().into());
            }
            Self::Identity { start, step, explicit } => {
                say(START, (*start).into());
                say(STEP, (*step).into());
                say(EXPLICIT, (*explicit).into());
            }
        }
    }
}
