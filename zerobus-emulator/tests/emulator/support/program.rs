//! The program, started for a test and killed when that is over.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::{Credentials, tables};

pub(crate) fn program() -> Command {
    with_tables(Command::new(env!("CARGO_BIN_EXE_zerobus-emulator")))
}

pub(crate) fn with_tables(mut command: Command) -> Command {
    command.arg("--schemas").arg(tables()).env_remove("ZEROBUS_EMULATOR_CLIENT_SECRET").stderr(Stdio::null());
    command
}

/// A running program, killed when the test is over.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    pub(crate) fn terminate(mut self) -> bool {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.0.wait().unwrap().success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already if the test went well.
        let _ = self.0.kill();
    }
}

/// Starts the program, and reads what it exports until it is ready.
pub(crate) fn start(data: &Path) -> (Running, Credentials) {
    start_with(data, &[])
}

/// The same, with more arguments.
pub(crate) fn start_with(data: &Path, arguments: &[&str]) -> (Running, Credentials) {
    let mut command = program();
    command.args(["--port", "0", "--data"]).arg(data).args(arguments);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let running = Running(child);
    let mut exported = HashMap::new();
    for line in lines {
        if line.starts_with("# ready on http://127.0.0.1:") {
            break;
        }
        let (name, value) = line.strip_prefix("export ").unwrap().split_once('=').unwrap();
        exported.insert(name.to_owned(), value.to_owned());
    }
    assert_eq!(exported["DATABRICKS_HOST"], exported["ZEROBUS_SERVER_ENDPOINT"]);
    assert_eq!(exported["DATABRICKS_HOST"], exported["DATABRICKS_WORKSPACE_URL"]);
    let credentials = Credentials {
        url: exported["ZEROBUS_SERVER_ENDPOINT"].clone(),
        client_id: exported["DATABRICKS_CLIENT_ID"].clone(),
        client_secret: exported["DATABRICKS_CLIENT_SECRET"].clone(),
    };
    (running, credentials)
}
