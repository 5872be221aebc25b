#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    zerobus_fuzz::all_outputs(&zerobus_fuzz::one_column(serde_json::json!({"type_text": text})));
});
