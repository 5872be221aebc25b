use zerobus_runtime::ZerobusMessage;

use std::collections::BTreeMap;

#[derive(ZerobusMessage)]
struct Row {
    lists: BTreeMap<String, Vec<i32>>,
}

fn main() {}
