use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
union Row {
    id: i32,
}

fn main() {}
