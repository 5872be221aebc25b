use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(with = "text")]
    id: u64,
    #[zerobus(with = )]
    other: u64,
    #[zerobus(with = |x|)]
    third: u64,
    #[zerobus(with = text(1))]
    fourth: u64,
}

fn main() {}
