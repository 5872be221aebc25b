use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Reading {
    #[zerobus(type = "VARCHAR(10")]
    device: String,
    #[zerobus(type = "INTERVAL DAY")]
    took: i64,
    #[zerobus(type = "DECIMAL(40,2)")]
    price: String,
    #[zerobus(type = "")]
    note: String,
    #[zerobus(type = String)]
    text: String,
    #[zerobus(type = "ARRAY<ARRAY<INT>>")]
    matrix: Vec<i32>,
}

#[derive(ZerobusMessage)]
struct Name(#[zerobus(type = "VARCHAR(10)")] String);

fn main() {}
