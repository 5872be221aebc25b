use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(skip)]
struct Row {
    #[zerobus(rename_all = "camelCase")]
    id: i64,
}

#[derive(ZerobusMessage)]
enum Kind {
    #[zerobus(timestamp(millis))]
    A,
}

fn main() {}
