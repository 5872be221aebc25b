use zerobus_runtime::{Timestamp, ZerobusMessage};

#[derive(ZerobusMessage)]
#[zerobus(table = "main.edge.generated_columns")]
struct Row {
    id: i64,
    at: Timestamp,
    state: String,
    nothing: i32,
}

fn main() {}
