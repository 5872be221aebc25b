//! The files of a folder that are read, and their order.

use std::cmp::Ordering;
use std::io;
use std::path::{Path, PathBuf};

use super::files::FileTree;

/// The files of a folder that may hold tables.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// Snapshots, by name.
    pub(super) json: Vec<PathBuf>,
    /// Statements, in the order in which a migration tool runs them.
    pub(super) sql: Vec<PathBuf>,
}

impl Folder {
    /// Lists a folder, without subfolders. Hidden files and files that undo a migration are left out.
    pub(super) fn read(files: &dyn FileTree, path: &Path) -> io::Result<Self> {
        let mut folder = Self::default();
        for file in files.entries(path)? {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with('.') || undoes(&name) {
                continue;
            }
            match extension(&file).as_deref() {
                Some("json") => folder.json.push(file),
                Some("sql") => folder.sql.push(file),
                _ => {}
            }
        }
        folder.json.sort();
        folder.sql.sort_by(|a, b| order(a, b));
        Ok(folder)
    }
}

/// A file's extension in lower case.
pub(super) fn extension(file: &Path) -> Option<String> {
    Some(file.extension()?.to_str()?.to_lowercase())
}

/// Whether a file undoes a migration: `3_orders.down.sql`, or Flyway's `U3__orders.sql`.
fn undoes(name: &str) -> bool {
    let flyway = name
        .strip_prefix('U')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()) && rest.contains("__"));
    flyway || name.to_lowercase().ends_with(".down.sql")
}

/// Orders names with numbers by value, so that 10 comes after 9. Flyway's repeatable files (`R__`) come last.
fn order(a: &Path, b: &Path) -> Ordering {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (a, b) = (name(a), name(b));
    let key = |name: &str| (name.starts_with("R__"), parts(name));
    key(&a).cmp(&key(&b)).then_with(|| a.cmp(&b))
}

/// Splits a name into numbers and text. Numbers are digits without leading zeros, so a longer one is greater.
fn parts(name: &str) -> Vec<(usize, String)> {
    let mut parts: Vec<(usize, String)> = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let digits = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
        let (part, behind) = rest.split_at(end);
        let number = part.trim_start_matches('0');
        parts.push(if digits { (1 + number.len(), number.to_owned()) } else { (0, part.to_owned()) });
        rest = behind;
    }
    parts
}
