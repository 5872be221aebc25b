use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(table = "main.edge.broken")]
struct Row {
    id: i32,
}

fn main() {}
