//! What crosses crates: end to end, and judges that we did not write. The tests are in `tests/`.

/// The README's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
