use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(table = "main.edge.unsupported_scalars")]
struct Row {
    id: i64,
}

fn main() {}
