use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
#[zerobus(renam_all = "camelCase", tabel = "main.geo.quakes")]
struct Row {
    #[zerobus(nmae = "id", skpi)]
    id: i64,
    #[zerobus(timestmap(millis))]
    at: i64,
    #[zerobus(timestamp(milis))]
    updated: i64,
    #[zerobus(duration(minutes))]
    age: std::time::Duration,
}

#[derive(ZerobusMessage)]
#[zerobus(rename_all = "snake-case")]
enum Kind {
    #[zerobus(renam = "a")]
    A,
}

fn main() {}
