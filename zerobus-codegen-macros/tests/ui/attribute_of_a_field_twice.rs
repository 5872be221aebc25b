use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(name = "a", name = "b")]
    id: i32,
}

fn main() {}
