//! What a client's environment has to hold.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use crate::{Emulator, tls};

/// Names and values, for a shell or a child process.
#[derive(Debug)]
pub(super) struct Environment(Vec<(&'static str, String)>);

impl Environment {
    /// The folder holds the certificates, if HTTPS is served.
    pub(super) fn of(emulator: &Emulator, certificates: Option<&Path>) -> io::Result<Self> {
        let mut variables = vec![
            ("DATABRICKS_HOST", emulator.url().to_owned()),
            ("DATABRICKS_WORKSPACE_URL", emulator.url().to_owned()),
            ("ZEROBUS_SERVER_ENDPOINT", emulator.url().to_owned()),
            ("DATABRICKS_CLIENT_ID", emulator.client_id().to_owned()),
            ("DATABRICKS_CLIENT_SECRET", emulator.client_secret().to_owned()),
        ];
        if let Some(token) = emulator.control_token() {
            variables.push(("ZEROBUS_EMULATOR_TOKEN", token.to_owned()));
        }
        if let Some(folder) = certificates {
            // Other programs run elsewhere, so they need the whole path.
            let authority = tls::authority(folder).canonicalize()?.display().to_string();
            for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"] {
                variables.push((name, authority.clone()));
            }
        }
        Ok(Self(variables))
    }

    pub(super) fn variables(&self) -> &[(&'static str, String)] {
        &self.0
    }

    /// Prints what a shell evaluates, and a last line.
    pub(super) fn print(&self, last: &str) -> io::Result<()> {
        let mut text = String::new();
        for (name, value) in &self.0 {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "export {name}={}", quoted(value));
        }
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        writeln!(out, "{last}")?;
        out.flush()
    }
}

/// A value as a POSIX shell reads it back.
fn quoted(value: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@%+=,".contains(&byte);
    if !value.is_empty() && value.bytes().all(plain) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(format!("'{}'", value.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for value in ["http://127.0.0.1:8471", "", "a b", "it's", "$(rm -rf x)`y`\\\"\n;&|<>", "größe"] {
            let script = format!("printf %s {}", quoted(value));
            let output = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
        }
        assert_eq!(quoted("http://127.0.0.1:8471"), "http://127.0.0.1:8471");
    }
}
