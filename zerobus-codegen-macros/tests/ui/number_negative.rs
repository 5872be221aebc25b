use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(number = -1)]
    id: i32,
    #[zerobus(number = 99999999999)]
    large: i32,
}

fn main() {}
