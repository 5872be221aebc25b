//! Decodes the text of files: UTF-8 or UTF-16, with or without a byte order mark.

use std::borrow::Cow;

/// A file that is not text in UTF-8 or UTF-16.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is not {encoding}; save the file as UTF-8")]
pub struct FileTextError {
    line: usize,
    encoding: &'static str,
}

/// Decodes the text of a file in UTF-8 or UTF-16.
///
/// A byte order mark is not part of the text. Without one, a file in which every other byte of the first two characters
/// is zero is UTF-16, as PowerShell's redirection writes it.
///
/// # Errors
/// If the bytes are in neither encoding, with the first line that is not.
///
/// ```
/// use zerobus_codegen::file_text;
///
/// assert_eq!(file_text(b"\xef\xbb\xbfa")?, "a");
/// assert_eq!(file_text(b"\xff\xfea\0b\0")?, "ab");
/// assert_eq!(file_text(b"a\nb\xe9").unwrap_err().to_string(), "line 2 is not UTF-8; save the file as UTF-8");
/// # Ok::<(), zerobus_codegen::FileTextError>(())
/// ```
pub fn file_text(file: &[u8]) -> Result<Cow<'_, str>, FileTextError> {
    match file {
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => utf16(file, u16::from_le_bytes),
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => utf16(file, u16::from_be_bytes),
        _ => utf8(file),
    }
}

/// The JSON of a snapshot's file as UTF-8; bytes that are not valid text are returned unchanged.
///
/// ```
/// assert_eq!(*zerobus_codegen::snapshot_json(b"\xef\xbb\xbf{}"), *b"{}");
/// ```
#[must_use]
pub fn snapshot_json(file: &[u8]) -> Cow<'_, [u8]> {
    match file_text(file) {
        Ok(Cow::Borrowed(text)) => Cow::Borrowed(text.as_bytes()),
        Ok(Cow::Owned(text)) => Cow::Owned(text.into_bytes()),
        Err(_) => Cow::Borrowed(file),
    }
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, FileTextError> {
    std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| {
        let lines = bytes[..error.valid_up_to()].split(|&byte| byte == b'\n');
        FileTextError { line: lines.count(), encoding: "UTF-8" }
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'_, str>, FileTextError> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let (mut text, mut line) = (String::with_capacity(pairs.len()), 1);
    for c in char::decode_utf16(pairs.iter().map(|&pair| unit(pair))) {
        let c = c.map_err(|_| FileTextError { line, encoding: "UTF-16" })?;
        line += usize::from(c == '\n');
        text.push(c);
    }
    if rest.is_empty() { Ok(Cow::Owned(text)) } else { Err(FileTextError { line, encoding: "UTF-16" }) }
}
