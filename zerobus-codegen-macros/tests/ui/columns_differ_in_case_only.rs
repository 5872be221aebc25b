use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    id: i32,
    #[zerobus(name = "ID")]
    other: i32,
}

fn main() {}
