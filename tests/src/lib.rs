//! Tests across crates: end to end, and against independent implementations. They are in `tests/`.

/// The README's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
