use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(crate = "zerobus")]
struct Row {
    id: i32,
}

fn main() {}
