use std::time::Duration;

use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(duration(millis))]
    age: i64,
    #[zerobus(duration)]
    other: Duration,
    third: Duration,
}

fn main() {}
