use std::collections::HashMap;

use zerobus_runtime::ZerobusMessage;

#[derive(ZerobusMessage)]
struct Reading {
    #[zerobus(type = "TIMESTAMP NOT NULL")]
    at: String,
    #[zerobus(type = "ARRAY<VARCHAR(10)>")]
    tags: Vec<i32>,
    #[zerobus(type = "VARCHAR(10) NOT NULL")]
    device: Option<String>,
    #[zerobus(type = "STRUCT<lat: DOUBLE NOT NULL, lon: DOUBLE NOT NULL>")]
    place: Place,
    #[zerobus(type = "MAP<VARCHAR(10), INT>")]
    counts: HashMap<String, i32>,
}

#[derive(ZerobusMessage)]
struct Place {
    lat: f32,
}

fn main() {}
