use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(rename = "id")]
    id: i32,
}

fn main() {}
