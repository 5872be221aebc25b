use zerobus_runtime::ZerobusMessage;

use zerobus_runtime::Decimal;

#[derive(ZerobusMessage)]
struct Row {
    price: Decimal<39, 2>,
}

fn main() {}
