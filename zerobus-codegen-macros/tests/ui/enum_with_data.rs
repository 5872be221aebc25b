use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
enum Shape {
    Point,
    Circle(f64),
    Square { side: f64 },
}

fn main() {}
