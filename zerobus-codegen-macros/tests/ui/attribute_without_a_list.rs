use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus]
struct Row {
    #[zerobus = "id"]
    id: i64,
}

fn main() {}
