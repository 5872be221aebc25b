use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(rename_all = "Camel")]
struct Row {
    id: i32,
}

fn main() {}
