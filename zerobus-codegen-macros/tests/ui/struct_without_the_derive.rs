use zerobus_runtime::ZerobusMessage;

struct Point {
    x: f64,
}

#[derive(ZerobusMessage)]
struct Row {
    point: Point,
}

fn main() {}
