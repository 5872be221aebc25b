use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row(i32, i32);

fn main() {}
