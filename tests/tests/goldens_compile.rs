//! Every golden of zerobus-codegen compiles without a warning, inside a module whose names shadow the prelude, and with
//! a renamed runtime.
#![deny(warnings, missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod names;

use std::fs;
use std::path::Path;

use prost_types::DescriptorProto;
use zerobus_codegen::{Table, TableInfo};
use zerobus_runtime::ZerobusMessage;

use names::{renamed, shadows};

/// The goldens, one module each.
#[allow(unused_imports, reason = "the names that are in the way should not matter")]
mod goldens {
    use super::shadows;
    include!(concat!(env!("OUT_DIR"), "/goldens.rs"));

    pub(super) use edge_clashes::main::edge::Clashes;
    pub(super) use edge_keywords::r#type::self_::Self_;
    pub(super) use edge_names::main::edge::Names;
    pub(super) use edge_prelude::std::core::Option as Prelude;
    pub(super) use geo_earthquakes::main::geo::Earthquakes;
    pub(super) use sales_orders::main::sales::Orders;
    pub(super) use types_every_type::main::types::EveryType;
}

/// The same tables in one file, with the runtime renamed.
mod with_renamed_runtime {
    include!(concat!(env!("OUT_DIR"), "/renamed/zerobus_tables.rs"));
}

/// The descriptor of the table of a golden.
fn of_table(case: &str) -> DescriptorProto {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../zerobus-codegen/tests/goldens");
    let json = fs::read_to_string(goldens.join(case).join("input.json")).unwrap();
    let info: TableInfo = serde_json::from_str(&json).unwrap();
    Table::try_from(&info).unwrap().descriptor()
}

#[test]
fn a_generated_type_has_the_descriptor_of_its_table() {
    for (case, descriptor) in [
        ("edge_clashes", goldens::Clashes::descriptor()),
        ("edge_keywords", goldens::Self_::descriptor()),
        ("edge_names", goldens::Names::descriptor()),
        ("edge_prelude", goldens::Prelude::descriptor()),
        ("geo_earthquakes", goldens::Earthquakes::descriptor()),
        ("sales_orders", goldens::Orders::descriptor()),
        ("types_every_type", goldens::EveryType::descriptor()),
        ("geo_earthquakes", with_renamed_runtime::main::geo::Earthquakes::descriptor()),
    ] {
        assert_eq!(descriptor, of_table(case), "{case}");
    }
}

#[test]
fn a_generated_type_knows_its_table() {
    assert_eq!(goldens::Earthquakes::TABLE, Some("main.geo.earthquakes"));
    assert_eq!(goldens::Self_::TABLE, Some("type.self.self"));
}
