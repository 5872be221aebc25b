//! What is compared with the official client lives in `tests/`; run `cargo test` in this folder.
