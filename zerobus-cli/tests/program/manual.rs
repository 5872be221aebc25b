//! Tests of `completions`, `man` and `emulator`.

use std::process::Command;

use crate::support::{bare, finish};

#[cfg(unix)]
#[tokio::test]
async fn the_emulator_is_the_program_of_that_name_beside_this_one() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("zerobus");
    std::fs::copy(env!("CARGO_BIN_EXE_zerobus"), &program).unwrap();
    let command = || {
        let mut command = Command::new(&program);
        command.args(["emulator", "--help", "-q", "exec", "--", "x y"]).env("PATH", folder.path());
        command
    };
    let run = finish(command()).await;
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.err.contains("`cargo install zerobus-emulator --features cli` installs it"), "{run:?}");
    let script = folder.path().join("zerobus-emulator");
    std::fs::write(&script, "#!/bin/sh\nprintf '%s|' \"$@\"\nexit 7\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = finish(command()).await;
    assert_eq!((run.code, run.out.as_str()), (7, "--help|-q|exec|--|x y|"), "{run:?}");
}

#[tokio::test]
async fn completions_and_pages_know_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["completions", "bash"][..], &["man"]] {
        let run = finish(bare(folder.path(), arguments)).await;
        assert_eq!(run.code, 0, "{run:?}");
        for command in ["doctor", "send", "replay"] {
            assert!(run.out.contains(command), "{arguments:?}: no {command}");
        }
        assert!(!run.out.contains("zerobus-codegen"), "{arguments:?}");
    }
    let page = finish(bare(folder.path(), &["man", "send"])).await;
    assert!(page.out.contains("checkpoint"), "{page:?}");
    let none = finish(bare(folder.path(), &["man", "none"])).await;
    assert_eq!(none.code, 1, "{none:?}");
    assert!(none.err.contains("there is no command \"none\""), "{none:?}");
}
