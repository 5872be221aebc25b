use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Id(Option<i32>);

fn main() {}
