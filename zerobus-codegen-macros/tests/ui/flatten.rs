use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(flatten)]
    inner: i32,
}

fn main() {}
