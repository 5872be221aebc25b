use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(with = |id| id.missing())]
    id: u64,
    #[zerobus(with = |id| id)]
    ids: Vec<u64>,
    #[zerobus(with = |id| (id, id))]
    pair: Option<u64>,
}

fn main() {}
