//! Our rows are what a user has: the types that zerobus-codegen makes of the tables' snapshots.

fn main() -> Result<(), zerobus_codegen::Error> {
    zerobus_codegen::configure().compile(["schemas"])
}
