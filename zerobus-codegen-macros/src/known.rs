//! The attributes that the derive knows, with their syntax.

/// A known attribute.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    /// Its syntax; empty for an alias.
    pub(crate) form: &'static str,
}

macro_rules! known {
    ($($name:literal: $form:literal,)*) => {&[$(Known { name: $name, form: $form }),*]};
}

/// The attributes of a struct or an enum.
pub(crate) const CONTAINER: &[Known] = known! {
    "table": "table = \"catalog.schema.table\"",
    "rename_all": "rename_all = \"…\"",
    "crate": "crate = path",
    "key": "key",
    "unchecked": "unchecked",
    "column_names": "column_names",
    "setters": "setters",
};

/// The attributes of a field.
pub(crate) const FIELD: &[Known] = known! {
    "name": "name = \"column\"",
    "skip": "skip",
    "default": "default",
    "timestamp": "timestamp(unit)",
    "timestamp_ntz": "timestamp_ntz(unit)",
    "date": "date",
    "duration": "duration(unit)",
    "decimal": "decimal(p, s)",
    "json": "json",
    "with": "with = path",
    "number": "number = n",
    "type": "type = \"VARCHAR(20)\"",
    "stamp": "stamp = \"producer\"",
    "rename": "",
};

/// The attributes of a variant.
pub(crate) const VARIANT: &[Known] = known! {
    "rename": "rename = \"text\"",
    "name": "",
};
