use zerobus_runtime::ZerobusMessage;

use std::collections::HashMap;

#[derive(ZerobusMessage)]
struct Row {
    by_size: HashMap<f64, String>,
}

fn main() {}
