use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(timestamp(millis))]
    at: f64,
}

fn main() {}
