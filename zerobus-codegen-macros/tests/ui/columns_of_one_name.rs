use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(rename_all = "camelCase")]
struct Row {
    event_id: i32,
    #[zerobus(name = "eventId")]
    other: i32,
}

fn main() {}
