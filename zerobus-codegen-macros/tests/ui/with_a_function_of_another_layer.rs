use zerobus_runtime::ZerobusMessage;

fn shout(number: &i32) -> String {
    number.to_string()
}

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(with = shout)]
    text: Option<Vec<String>>,
}

fn main() {}
