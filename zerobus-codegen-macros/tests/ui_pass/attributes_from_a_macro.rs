//! Every attribute accepts what a `macro_rules!` macro can pass on: literals, paths, closures, expressions, and names
//! from the macro's crate.
#![deny(warnings)]

use zerobus_runtime::{Date, Timestamp, ZerobusMessage};

mod reexport {
    pub use zerobus_runtime::*;
}

fn text(value: &u8) -> String {
    value.to_string()
}

macro_rules! row {
    (
        $name:ident, $table:literal, $rule:literal, $visibility:vis, $type:ty, $column:literal, $number:literal,
        $path:path, $expression:expr, $function:ident, $sql:literal, $default:expr, $p:literal, $s:literal, $unit:ident
    ) => {
        #[derive(ZerobusMessage)]
        #[zerobus(crate = $crate::reexport, table = $table, unchecked, rename_all = $rule)]
        $visibility struct $name {
            #[zerobus(with = $crate::text)]
            by_crate: u8,
            #[zerobus(with = $path)]
            by_path: Option<$type>,
            #[zerobus(with = $expression)]
            by_expression: $type,
            #[zerobus(name = $column, number = $number, with = $function)]
            by_function: u8,
            #[zerobus(type = $sql)]
            declared: String,
            #[zerobus(default = $default)]
            default: Option<String>,
            #[zerobus(decimal($p, $s))]
            decimal: i64,
            #[zerobus(timestamp($unit))]
            timestamp: i64,
        }
    };
}

row!(
    Row, "main.test.rows", "camelCase", pub(crate), u8, "renamed", 20, crate::text, |value| text(value), text,
    "VARCHAR(3)", String::new, 10, 2, millis
);

const TABLE: &str = "main.test.rows";

macro_rules! of_table {
    ($name:ident, $table:expr) => {
        #[derive(ZerobusMessage)]
        #[zerobus(table = $table, unchecked)]
        struct $name {
            id: i32,
        }
    };
}

of_table!(Literal, "main.test.rows");
of_table!(Constant, TABLE);

macro_rules! of_snapshot {
    ($name:ident, $table:expr, $lifetime:lifetime, $id:ty) => {
        #[derive(ZerobusMessage)]
        #[zerobus(table = $table)]
        struct $name<$lifetime> {
            id: $id,
            time: Timestamp,
            event_date: Date,
            #[zerobus(with = Self::named)]
            r#type: u8,
            status: &$lifetime str,
            tsunami: bool,
            sig: i16,
            location: Location,
            ids: Vec<$id>,
        }

        impl $name<'_> {
            fn named(value: &u8) -> String {
                value.to_string()
            }
        }
    };
}

#[derive(ZerobusMessage)]
struct Location {
    longitude: f64,
    latitude: f64,
}

of_snapshot!(Quake, "main.geo.earthquakes", 'a, &'a str);

fn main() {
    let names: Vec<_> = Row::descriptor().field.into_iter().filter_map(|field| field.name).collect();
    assert_eq!(
        names,
        ["byCrate", "byPath", "byExpression", "renamed", "declared", "default", "decimal", "timestamp"]
    );
    assert_eq!([Row::TABLE, Literal::TABLE, Constant::TABLE], [Some("main.test.rows"); 3]);
    assert_eq!(Quake::descriptor().name(), "Earthquakes");
    assert_eq!((Literal::descriptor().field.len(), Constant::descriptor().field.len()), (1, 1));
}
