use zerobus_runtime::ZerobusMessage;

const TABLE: &str = "main.geo.quakes";

#[derive(ZerobusMessage)]
#[zerobus(table = TABLE)]
struct Row {
    id: i64,
}

#[derive(ZerobusMessage)]
#[zerobus(table = "geo.quakes".len(), unchecked)]
struct Other {
    id: i64,
}

fn main() {}
