use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(table = "main.geo.quakes", unchecked, key)]
enum Kind {
    #[zerobus(skip)]
    A,
}

fn main() {}
