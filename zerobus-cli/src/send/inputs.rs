//! The inputs of a run: which files are read, and the format of each.

use std::fs;
use std::path::{Path, PathBuf};

use crate::arguments::{Format, Send};
use crate::failure::Failure;

/// One input.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    /// `None` is standard input.
    pub(crate) path: Option<PathBuf>,
    pub(crate) format: Format,
}

impl Input {
    /// Whether it is a file on disk, which a later run can read again.
    fn is_file(&self) -> bool {
        self.path.as_ref().is_some_and(|path| path.is_file())
    }

    /// Its name in messages and in a checkpoint.
    pub(crate) fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| "standard input".to_owned(), |path| path.display().to_string())
    }
}

/// All inputs, in the order in which they are read.
#[derive(Debug, Clone)]
pub(crate) struct Inputs(pub(crate) Vec<Input>);

impl Inputs {
    /// Finds the files that the arguments name, and the format of each.
    pub(crate) fn find(arguments: &Send) -> Result<Self, Failure> {
        let standard = vec!["-".to_owned()];
        let names = if arguments.files.is_empty() { &standard } else { &arguments.files };
        let (mut inputs, mut places): (Vec<Input>, Vec<Option<PathBuf>>) = Default::default();
        for name in names {
            for path in expand(name)? {
                // Two names may refer to the same file. A pipe without a name has no other path than the given one.
                let place = path.as_deref().map(|path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()));
                if places.contains(&place) {
                    let name = path.as_deref().unwrap_or(Path::new("-")).display().to_string();
                    return Err(Failure::text(format!("{name} is named twice; its rows would be sent twice")));
                }
                places.push(place);
                inputs.push(Input { format: format(arguments, path.as_deref())?, path });
            }
        }
        if let Some(input) = inputs.iter().find(|input| arguments.checkpoint.is_some() && !input.is_file()) {
            let name = input.name();
            return Err(Failure::text(format!(
                "{name} cannot be read twice, so --checkpoint does not apply to it; name a file"
            )));
        }
        Ok(Self(inputs))
    }

    /// The total size in bytes; `None` if the size of one input is not known.
    pub(crate) fn bytes(&self) -> Option<u64> {
        let size = |input: &Input| {
            let found = fs::metadata(input.path.as_ref()?).ok()?;
            found.is_file().then_some(found.len())
        };
        self.0.iter().map(size).sum()
    }
}

/// The files that match a name or a pattern, sorted; `None` is standard input.
fn expand(name: &str) -> Result<Vec<Option<PathBuf>>, Failure> {
    if name == "-" {
        return Ok(vec![None]);
    }
    let path = PathBuf::from(name);
    if path.exists() {
        if path.is_dir() {
            return Err(Failure::text(format!("{name} is a folder; name its files, as in '{name}/*.ndjson'")));
        }
        return Ok(vec![Some(path)]);
    }
    let found = glob::glob(name).map_err(|error| Failure::new(format_args!("{name} is not a valid pattern"), error))?;
    let found = found.collect::<Result<Vec<_>, _>>().map_err(|error| Failure::new("cannot read a folder", error))?;
    let files: Vec<_> = found.into_iter().filter(|path| path.is_file()).map(Some).collect();
    if files.is_empty() {
        return Err(Failure::text(format!("there is no file {name}")));
    }
    Ok(files)
}

fn format(arguments: &Send, path: Option<&Path>) -> Result<Format, Failure> {
    if let Some(format) = arguments.format {
        return Ok(format);
    }
    let Some(path) = path else { return Ok(Format::Ndjson) };
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = [".gz", ".zst"].into_iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    match name.rsplit('.').next() {
        #[cfg(feature = "parquet")]
        Some("arrow" | "arrows" | "feather" | "ipc") => Ok(Format::Arrow),
        Some("csv" | "tsv") => Ok(Format::Csv),
        Some("json" | "jsonl" | "ndjson") => Ok(Format::Ndjson),
        #[cfg(feature = "parquet")]
        Some("parq" | "parquet") => Ok(Format::Parquet),
        #[cfg(not(feature = "parquet"))]
        Some("arrow" | "arrows" | "feather" | "ipc" | "parq" | "parquet") => Err(Failure::text(format!(
            "this build cannot read {}; `cargo install zerobus-cli` includes all formats",
            path.display()
        ))),
        _ => Err(Failure::text(format!(
            "the name of {} does not show its format; name it with --format",
            path.display()
        ))),
    }
}
