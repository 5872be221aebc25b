use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Millis(#[zerobus(timestamp(millis))] String);

#[derive(ZerobusMessage)]
struct Maybe(#[zerobus(timestamp(millis))] Option<i64>);

#[derive(ZerobusMessage)]
#[zerobus(key)]
struct Extra(#[zerobus(json)] Vec<i64>);

#[derive(ZerobusMessage)]
struct First(#[zerobus(with = |values| values.first().copied())] [i64; 2]);

fn main() {}
