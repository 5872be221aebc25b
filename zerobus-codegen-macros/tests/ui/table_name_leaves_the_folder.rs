use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(table = "main.geo.../../etc/passwd")]
struct Row {
    id: i32,
}

fn main() {}
