use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(decimal(10, 2))]
    price: f64,
}

fn main() {}
