use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    values: Vec<Option<f64>>,
}

fn main() {}
