use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Number(#[zerobus(stamp = "sequence")] i64);

fn main() {}
