use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(decimal(39, 2))]
    price: String,
}

fn main() {}
