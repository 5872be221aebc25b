use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(column_names)]
#[allow(non_snake_case)]
struct Reading {
    deviceId: i64,
    #[zerobus(name = "device")]
    deviceid: i64,
    r#type: i64,
}

fn main() {
    assert_eq!(Reading::COLUMN_TYPE, "type");
}
