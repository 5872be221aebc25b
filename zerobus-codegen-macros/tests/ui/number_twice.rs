use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    id: i32,
    #[zerobus(number = 1)]
    other: i32,
}

fn main() {}
