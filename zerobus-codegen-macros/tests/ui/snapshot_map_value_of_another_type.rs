use std::collections::HashMap;

use zerobus_runtime::{Decimal, Timestamp, ZerobusMessage};

#[derive(ZerobusMessage)]
struct Line {
    sku: String,
    quantity: i32,
    unit_price: Decimal<12, 4>,
    attributes: HashMap<String, i32>,
}

#[derive(ZerobusMessage)]
#[zerobus(table = "main.sales.orders")]
struct Row {
    order_id: i64,
    placed_at: Timestamp,
    lines: Vec<Line>,
    currency: String,
}

fn main() {}
