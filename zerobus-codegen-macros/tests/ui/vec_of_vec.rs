use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    matrix: Vec<Vec<f64>>,
}

fn main() {}
