use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(name = "2nd")]
    id: i32,
}

fn main() {}
