//! Generates the types of our rows from the tables' snapshots with zerobus-codegen, as a user does.

fn main() -> Result<(), zerobus_codegen::Error> {
    zerobus_codegen::configure().compile(["schemas"])
}
