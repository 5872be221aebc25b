use zerobus_runtime::ZerobusMessage;

struct Opaque;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(json)]
    extra: Opaque,
}

fn main() {}
