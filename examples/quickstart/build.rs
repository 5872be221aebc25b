//! Generates Rust types from the snapshots in `schemas`, offline and without protoc.

fn main() -> Result<(), zerobus_codegen::Error> {
    zerobus_codegen::configure().compile(["schemas"])
}
