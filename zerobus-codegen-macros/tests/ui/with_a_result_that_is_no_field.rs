use zerobus_runtime::ZerobusMessage;

fn parse(text: &String) -> Result<i32, std::num::ParseIntError> {
    text.parse()
}

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(with = parse)]
    text: String,
}

fn main() {}
