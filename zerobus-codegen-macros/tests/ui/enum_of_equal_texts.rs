use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(rename_all = "lowercase")]
enum Kind {
    #[zerobus(rename = "first")]
    A,
    First,
}

fn main() {}
