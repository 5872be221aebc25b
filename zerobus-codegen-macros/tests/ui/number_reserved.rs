use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(number = 19000)]
    id: i32,
}

fn main() {}
