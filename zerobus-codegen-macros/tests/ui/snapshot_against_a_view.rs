use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(table = "main.edge.a_view")]
struct Row {
    id: i64,
}

fn main() {}
