use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus("id")]
    id: i32,
    #[zerobus(,)]
    at: i64,
    #[zerobus(name = "")]
    place: String,
}

fn main() {}
