use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(timestamp(millis))]
    at: Option<String>,
}

fn main() {}
