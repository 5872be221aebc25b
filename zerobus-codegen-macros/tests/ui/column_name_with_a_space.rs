use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(name = "event id")]
    id: i32,
}

fn main() {}
