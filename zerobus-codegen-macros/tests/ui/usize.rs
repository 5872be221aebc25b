use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    count: Option<usize>,
}

fn main() {}
