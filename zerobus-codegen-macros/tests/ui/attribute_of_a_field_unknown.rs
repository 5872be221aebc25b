use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(primary)]
    id: i32,
}

fn main() {}
