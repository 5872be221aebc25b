//! Generates the type of the table; `zerobus.toml` names the columns that the stream fills in.

fn main() -> Result<(), zerobus_codegen::Error> {
    zerobus_codegen::configure().compile(["schemas"])
}
