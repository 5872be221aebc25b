use zerobus_runtime::ZerobusMessage;

fn pair(text: &str) -> (i32, i32) {
    (text.len() as i32, 1)
}

fn many(text: &str) -> Result<Vec<i32>, String> {
    Err(text.to_owned())
}

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(with = pair)]
    pair: String,
    #[zerobus(with = many)]
    many: String,
}

fn main() {}
