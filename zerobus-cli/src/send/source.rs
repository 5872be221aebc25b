//! The source of an input's bytes: decompressed, without a byte order mark, and counted.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::inputs::Input;

/// The approximate size of a piece in bytes.
pub(super) const PIECE: usize = 256 * 1024;

/// The longest row that is read. A request cannot hold a longer one, so such a row is refused without being kept.
pub(super) const LONGEST: usize = 16 << 20;

/// The bytes that the rows of an input are read from.
pub(super) type Source = BufReader<Box<dyn Read>>;

/// Opens an input, and detects compression and byte order mark by its first bytes.
pub(super) fn open(input: &Input, counter: &Arc<AtomicU64>) -> io::Result<Source> {
    let raw: Box<dyn Read> = match &input.path {
        Some(path) => Box::new(File::open(path)?),
        None => Box::new(io::stdin().lock()),
    };
    let (start, rest) = peek(Counted { inner: raw, counter: Arc::clone(counter) })?;
    let file = Cursor::new(start.clone()).chain(rest);
    let plain: Box<dyn Read> = match start[..] {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(file))),
        // The magic number of a frame, or of one to skip.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => zstd(file)?,
        // Text can begin with the letters; in a Parquet file a control character follows.
        [b'P', b'A', b'R', b'1', next, ..] if !matches!(next, b'\t' | b'\n' | b'\r' | b' '..) => {
            return Err(io::Error::other("it is a Parquet file; `--format parquet` reads it"));
        }
        _ => Box::new(file),
    };
    let (start, rest) = peek(plain)?;
    let start = if start.starts_with(b"\xef\xbb\xbf") { start[3..].to_vec() } else { start };
    if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
        return Err(io::Error::other("it is UTF-16; convert it, as in `iconv -f utf-16 -t utf-8`"));
    }
    Ok(BufReader::with_capacity(PIECE, Box::new(Cursor::new(start).chain(rest))))
}

#[cfg(feature = "zstd")]
fn zstd(file: impl Read + 'static) -> io::Result<Box<dyn Read>> {
    Ok(Box::new(zstd::stream::read::Decoder::new(file)?))
}

#[cfg(not(feature = "zstd"))]
fn zstd(_: impl Read + 'static) -> io::Result<Box<dyn Read>> {
    Err(io::Error::other("it is compressed with zstd, which this build does not support"))
}

/// Reads the first five bytes, or fewer if the file is shorter.
fn peek<R: Read>(mut file: R) -> io::Result<(Vec<u8>, R)> {
    let mut start = Vec::with_capacity(5);
    file.by_ref().take(5).read_to_end(&mut start)?;
    Ok((start, file))
}

/// Counts the bytes that are read, before decompression.
struct Counted {
    inner: Box<dyn Read>,
    counter: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.counter.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
