use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(decimal(2, 3))]
    price: String,
}

fn main() {}
