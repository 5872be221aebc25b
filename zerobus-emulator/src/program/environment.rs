//! The environment variables of clients.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::{Emulator, random, tls};

/// Names and values, for a shell or a child process.
#[derive(Debug)]
pub(super) struct Environment {
    variables: Vec<(&'static str, String)>,
    /// The file of the variables and its text; removed on drop.
    file: Option<(PathBuf, String)>,
}

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
        // A client without a table name then uses the only one.
        if let Some(table) = emulator.only_table() {
            variables.push(("ZEROBUS_TABLE_NAME", table));
        }
        if let Some(token) = emulator.control_token() {
            variables.push(("ZEROBUS_EMULATOR_TOKEN", token.to_owned()));
        }
        if let Some(folder) = certificates {
            // Clients may run in other folders, so the path is absolute.
            let authority = tls::authority(folder).canonicalize()?.display().to_string();
            for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
                variables.push((name, authority.clone()));
            }
        }
        Ok(Self { variables, file: None })
    }

    pub(super) fn variables(&self) -> &[(&'static str, String)] {
        &self.variables
    }

    /// Writes a file of `NAME=value` lines. It contains the secret, so only its owner may read it.
    pub(super) fn write(&mut self, path: &Path) -> io::Result<()> {
        let mut text = String::new();
        for (name, value) in &self.variables {
            if value.contains(['\n', '\r']) {
                let error =
                    format!("the value of {name} has more than one line, which an environment file cannot hold");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
            }
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name}={value}");
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // The rename makes the whole file appear at once, and the random name cannot be that of a user's file.
        let mut new = path.as_os_str().to_owned();
        new.push(format!(".{}", random::text(8)));
        let written = options.open(&new).and_then(|mut file| file.write_all(text.as_bytes()));
        if let Err(error) = written.and_then(|()| std::fs::rename(&new, path)) {
            // The file contains the secret; it may not exist.
            let _ = std::fs::remove_file(new);
            return Err(error);
        }
        self.file = Some((path.to_owned(), text));
        Ok(())
    }

    /// Prints `export` lines for a shell, and a last line.
    pub(super) fn print(&self, last: &str) -> io::Result<()> {
        let mut text = String::new();
        for (name, value) in &self.variables {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "export {name}={}", quoted(value));
        }
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        writeln!(out, "{last}")?;
        out.flush()
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        let Some((file, text)) = &self.file else { return };
        // Another emulator may have replaced the file.
        if std::fs::read_to_string(file).is_ok_and(|found| found == *text) {
            // Its endpoint no longer exists. The file may be gone already.
            let _ = std::fs::remove_file(file);
        }
    }
}

/// A value, quoted for a POSIX shell.
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
    fn a_file_holds_a_variable_a_line_and_goes_with_its_emulator() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        let of = |values: &[(&'static str, &str)]| Environment {
            variables: values.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            file: None,
        };
        let mut environment = of(&[("A", "http://127.0.0.1:1"), ("B", "a b#c")]);
        environment.write(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "A=http://127.0.0.1:1\nB=a b#c\n");
        let mut other = of(&[("A", "http://127.0.0.1:2")]);
        other.write(&path).unwrap();
        drop(environment);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "A=http://127.0.0.1:2\n");
        drop(other);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(of(&[("A", "x\ny")]).write(&path).is_err());
    }

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
