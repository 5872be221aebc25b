use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
enum Never {}

fn main() {}
