use zerobus_runtime::{Decimal, Timestamp, ZerobusMessage};

#[derive(ZerobusMessage)]
struct Line<'a> {
    sku: &'a str,
    quantity: i32,
    unit_price: Decimal<12, 5>,
}

#[derive(ZerobusMessage)]
#[zerobus(table = "main.sales.orders")]
struct Row<'a> {
    order_id: i64,
    placed_at: Timestamp,
    lines: Vec<Line<'a>>,
    currency: &'a str,
}

fn main() {}
