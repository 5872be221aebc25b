//! Why a schema does not match its table, in the service's terms.

/// Why a schema does not match its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SchemaCause {
    FieldCountMismatch,
    FieldNotInTable,
    FieldOutOfOrder,
    MissingRequiredColumn,
    TypeIncompatible,
}

impl SchemaCause {
    pub(super) fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "FIELD_COUNT_MISMATCH" => Self::FieldCountMismatch,
            "FIELD_NOT_IN_TABLE" => Self::FieldNotInTable,
            "FIELD_OUT_OF_ORDER" => Self::FieldOutOfOrder,
            "MISSING_REQUIRED_COLUMN" => Self::MissingRequiredColumn,
            "TYPE_INCOMPATIBLE" => Self::TypeIncompatible,
            _ => return None,
        })
    }

    pub(crate) const fn remedy(self) -> &'static str {
        match self {
            Self::FieldCountMismatch => {
                "the rows and the table have different numbers of columns: fetch the table's schema and generate the types again"
            }
            Self::FieldNotInTable => {
                "the rows have a field that the table does not have: it was dropped or renamed, or the name is misspelled"
            }
            Self::FieldOutOfOrder => "the rows' fields must be in the order of the table's columns",
            Self::MissingRequiredColumn => "the table has a NOT NULL column that the rows do not fill: add it",
            Self::TypeIncompatible => {
                "a column has another type than the rows' field: fetch the table's schema and generate the types again"
            }
        }
    }
}
