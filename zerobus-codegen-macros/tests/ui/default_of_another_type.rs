use zerobus_runtime::ZerobusMessage;

fn now() -> String {
    String::new()
}

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(default = now)]
    id: Option<i32>,
}

fn main() {}
