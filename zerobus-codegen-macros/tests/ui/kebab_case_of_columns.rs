use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(rename_all = "kebab-case")]
struct Row {
    id: i64,
    depth_km: f64,
    mag_type: String,
}

fn main() {}
