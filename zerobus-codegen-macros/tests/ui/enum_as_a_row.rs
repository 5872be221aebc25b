use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
enum Kind {
    A,
}

fn main() {
    let _ = <Kind as ZerobusMessage>::SCHEMA;
}
