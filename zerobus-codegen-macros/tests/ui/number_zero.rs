use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(number = 0)]
    id: i32,
}

fn main() {}
