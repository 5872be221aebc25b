#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(tables) = zerobus_codegen::tables_in_json(bytes) else { return };
    for info in &tables {
        zerobus_fuzz::all_outputs(info);
    }
});
