use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(table = "main.geo.quakes", rename_all = "camelCase")]
struct Id(#[zerobus(name = "id", number = 2)] i64);

#[derive(ZerobusMessage)]
struct Nothing(#[zerobus(skip)] i64);

#[derive(ZerobusMessage)]
#[zerobus(unchecked)]
struct Unchecked(i64);

fn main() {}
