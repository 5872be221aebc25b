use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    id: i64,
    #[zerobus(skip = true)]
    scratch: u64,
    #[zerobus(json(pretty))]
    extra: Vec<i64>,
}

fn main() {}
