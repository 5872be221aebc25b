use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row;

fn main() {}
