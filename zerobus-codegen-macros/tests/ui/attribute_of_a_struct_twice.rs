use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(table = "a.b.c", unchecked, table = "a.b.d")]
struct Row {
    id: i32,
}

fn main() {}
