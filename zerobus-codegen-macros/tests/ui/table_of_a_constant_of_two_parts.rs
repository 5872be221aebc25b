use zerobus_runtime::ZerobusMessage;

const TABLE: &str = "geo.quakes";

#[derive(ZerobusMessage)]
#[zerobus(table = TABLE, unchecked)]
struct Row {
    id: i64,
}

fn main() {}
