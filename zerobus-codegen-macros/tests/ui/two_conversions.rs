use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(date, json)]
    day: i32,
}

fn main() {}
