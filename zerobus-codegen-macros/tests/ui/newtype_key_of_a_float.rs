use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(key)]
struct Id(f64);

fn main() {}
