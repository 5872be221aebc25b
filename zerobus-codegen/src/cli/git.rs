//! The files of a git commit, read with the program `git`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use crate::Printable;
use crate::snapshot::FileTree;

/// Why a commit cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum GitError {
    /// Git returned an error.
    #[error("git cannot read `{}` of {}: {}", Printable(.reference), .path.display(), Printable(.said))]
    Refused { reference: String, path: PathBuf, said: String },
    /// The program could not be run.
    #[error("cannot run git; install it, or compare two folders")]
    Run(#[from] io::Error),
}

/// A file, or the files of a folder, in a commit.
pub(super) struct Committed {
    /// The path as it is printed: `origin/main:schemas`.
    root: PathBuf,
    /// The path on disk.
    path: PathBuf,
    is_folder: bool,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

/// Where to run git: a folder that exists, and the rest of the path below it.
struct Place<'a> {
    reference: &'a str,
    path: &'a Path,
    folder: PathBuf,
    rest: PathBuf,
}

impl Committed {
    /// Reads a path in a commit; `None` if it does not exist there.
    pub(super) fn read(reference: &str, path: &Path) -> Result<Option<Self>, GitError> {
        let place = Place::new(reference, path);
        // The name of a commit may look like an option, and text after a colon would be a path.
        place.output(["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{reference}^{{commit}}")])?;
        let mut object = OsString::from(format!("{reference}:./"));
        object.push(&place.rest);
        let parsed = place.run(["rev-parse".as_ref(), "--verify".as_ref(), "--end-of-options".as_ref(), &*object])?;
        let Some(id) = parsed.ok().map(|out| String::from_utf8_lossy(&out).trim().to_owned()) else { return Ok(None) };
        let root = PathBuf::from(format!("{reference}:{}", path.display()));
        let is_folder = place.output(["cat-file", "-t", &id])? == b"tree\n";
        let entries = if is_folder { place.entries(&root, &id)? } else { vec![(root.clone(), id)] };
        let files = place.contents(&entries)?;
        Ok(Some(Self { root, path: path.to_owned(), is_folder, files }))
    }

    /// The path to read tables from.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The path on disk of a file of the commit, even if it no longer exists.
    pub(super) fn on_disk(&self, file: &Path) -> PathBuf {
        match file.strip_prefix(&self.root) {
            Ok(rest) if !rest.as_os_str().is_empty() => self.path.join(rest),
            _ => self.path.clone(),
        }
    }
}

impl FileTree for Committed {
    fn is_folder(&self, path: &Path) -> io::Result<bool> {
        if path == self.root { Ok(self.is_folder) } else { Ok(false) }
    }

    fn entries(&self, _: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(self.files.keys().cloned().collect())
    }

    fn bytes(&self, file: &Path) -> io::Result<Vec<u8>> {
        self.files.get(file).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl<'a> Place<'a> {
    fn new(reference: &'a str, path: &'a Path) -> Self {
        let folder = path.ancestors().find(|folder| folder.is_dir()).unwrap_or_else(|| Path::new(""));
        let rest = path.strip_prefix(folder).unwrap_or(path).to_owned();
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() };
        Self { reference, path, folder, rest }
    }

    fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.folder).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The output of git, or its error message.
    fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> io::Result<Result<Vec<u8>, String>> {
        let output = self.command(arguments).output()?;
        let said = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Ok(if output.status.success() { Ok(output.stdout) } else { Err(said()) })
    }

    fn output<'s>(&self, arguments: impl IntoIterator<Item = &'s str>) -> Result<Vec<u8>, GitError> {
        self.run(arguments)?.map_err(|said| self.refused(said))
    }

    fn refused(&self, said: String) -> GitError {
        let said = if said.is_empty() { "there is no such commit, branch or tag here".to_owned() } else { said };
        GitError::Refused { reference: self.reference.to_owned(), path: self.path.to_owned(), said }
    }

    /// The files of a tree, by the paths under which they are printed.
    fn entries(&self, root: &Path, tree: &str) -> Result<Vec<(PathBuf, String)>, GitError> {
        let listed = self.output(["ls-tree", "--full-tree", "-z", tree])?;
        let entry = |entry: &[u8]| {
            let entry = String::from_utf8_lossy(entry);
            let (described, name) = entry.split_once('\t')?;
            let mut words = described.split(' ');
            let (kind, id) = (words.nth(1)?, words.next()?);
            (kind == "blob").then(|| (root.join(name), id.to_owned()))
        };
        Ok(listed.split(|&byte| byte == 0).filter_map(entry).collect())
    }

    /// The contents of these objects, all from one run of git.
    fn contents(&self, entries: &[(PathBuf, String)]) -> Result<BTreeMap<PathBuf, Vec<u8>>, GitError> {
        let mut child = self.command(["cat-file", "--batch"]).stdin(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(mut input), Some(output)) = (input, output) else { return Ok(BTreeMap::new()) };
        let wanted: String = entries.iter().flat_map(|(_, id)| [id.as_str(), "\n"]).collect();
        // Git writes responses while it reads requests, so a single thread could deadlock. If git exits early, the
        // responses end early too.
        let writer = thread::spawn(move || input.write_all(wanted.as_bytes()));
        let mut output = BufReader::new(output);
        let contents =
            entries.iter().map(|(path, _)| Ok((path.clone(), content(&mut output)?))).collect::<io::Result<_>>();
        drop(output);
        // Git received all requests or failed; the responses above show which.
        let _ = (writer.join(), child.wait());
        Ok(contents?)
    }
}

/// One response of `git cat-file --batch`: `<id> <kind> <size>`, the content, a line end.
fn content(output: &mut impl io::BufRead) -> io::Result<Vec<u8>> {
    let mut header = String::new();
    output.read_line(&mut header)?;
    let size = header.trim_end().rsplit(' ').next().and_then(|size| size.parse().ok());
    let size: u64 = size.ok_or_else(|| io::Error::other(format!("git answers `{}`", Printable(header.trim_end()))))?;
    let mut content = Vec::new();
    let mut whole = output.take(size + 1);
    whole.read_to_end(&mut content)?;
    content.pop();
    Ok(content)
}
