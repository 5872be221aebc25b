use zerobus_runtime::ZerobusMessage;

struct Opaque;

#[derive(ZerobusMessage)]
struct Row<T> {
    value: T,
}

const _: &zerobus_runtime::message::MessageSchema = <Row<Opaque> as ZerobusMessage>::SCHEMA;

fn main() {}
