#![no_main]

use libfuzzer_sys::fuzz_target;
use zerobus_codegen::ddl::Script;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = zerobus_codegen::file_text(bytes) else { return };
    let mut script = Script::default();
    let findings = script.read(&text);
    for told in findings.problems.iter().chain(&findings.warnings) {
        let _ = told.to_string();
    }
    for (_, info) in script.tables() {
        zerobus_fuzz::all_outputs(&info);
    }
});
