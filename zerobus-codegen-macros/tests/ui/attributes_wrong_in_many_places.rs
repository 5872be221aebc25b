use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(rename = "x")]
struct Row {
    #[zerobus(nam = "a")]
    id: i32,
    #[zerobus(timestamp)]
    at: i64,
    #[zerobus(name = "a b")]
    place: String,
}

fn main() {}
