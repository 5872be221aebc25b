use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
enum Row {
    Quake(i32),
}

fn main() {}
