use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(decimal(10))]
    price: String,
}

fn main() {}
