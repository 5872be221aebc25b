//! Names for compiling generated code: a renamed runtime, and names that shadow the prelude.

/// The runtime under another name.
pub(crate) mod renamed {
    pub(crate) use zerobus_runtime::*;
}

/// Names that shadow those of the prelude.
pub(crate) mod shadows {
    #![allow(dead_code, reason = "these names exist only to shadow others")]
    pub(crate) struct Option;
    pub(crate) struct Result;
    pub(crate) struct Some;
    pub(crate) struct String;
    pub(crate) struct Vec;
    pub(crate) trait Clone {}
    pub(crate) trait Into {}
}
