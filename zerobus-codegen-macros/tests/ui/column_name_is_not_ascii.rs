use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    größe: i32,
}

fn main() {}
