//! The names among which generated code has to compile: the runtime under another, and those of the prelude taken.

/// The runtime under another name.
pub(crate) mod renamed {
    pub(crate) use zerobus_runtime::*;
}

/// Names that would win over those of the prelude.
pub(crate) mod shadows {
    #![allow(dead_code, reason = "these names are there to be in the way")]
    pub(crate) struct Option;
    pub(crate) struct Result;
    pub(crate) struct Some;
    pub(crate) struct String;
    pub(crate) struct Vec;
    pub(crate) trait Clone {}
    pub(crate) trait Into {}
}
