use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    letter: char,
}

fn main() {}
