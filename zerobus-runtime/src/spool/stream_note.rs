//! The spool's note of a persistent stream: a line of JSON, and its CRC32C on the next line.

use std::io::{self, IoSlice};

use serde::{Deserialize, Serialize};

use super::segment::MOST_READS;
use super::storage::{File, Storage};
use crate::core::StreamNote;

pub(super) const NAME: &str = "stream.json";
/// The next note is written here; the file reserves its space, so that a full disk does not keep rows from being sent.
pub(super) const UNFINISHED: &str = "stream.json.new";
const DAMAGED: &str = "stream.json.damaged";

/// The note as stored.
#[derive(Debug, Serialize, Deserialize)]
struct Text {
    stream_id: String,
    base: u64,
    end: Option<u64>,
}

/// The note that was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It cannot be read, and was renamed to this name.
    Damaged(&'static str),
    Nothing,
    Whole(StreamNote),
}

/// Reads the note, and sets a damaged one aside.
pub(super) fn read<S: Storage>(storage: &S) -> io::Result<Found> {
    let names = storage.names()?;
    if !names.iter().any(|name| name == NAME) {
        return Ok(Found::Nothing);
    }
    let bytes = (0..MOST_READS).find_map(|_| read_all(storage).ok());
    if let Some(note) = bytes.as_deref().and_then(decode) {
        return Ok(Found::Whole(note));
    }
    storage.rename(NAME, DAMAGED)?;
    Ok(Found::Damaged(DAMAGED))
}

/// Writes the note; it is durable when this returns, and until then the previous one is valid.
pub(super) fn write<S: Storage>(storage: &S, note: &StreamNote) -> io::Result<()> {
    let bytes = encode(note)?;
    let mut file = match storage.open(UNFINISHED) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => storage.create(UNFINISHED)?,
        file => file?,
    };
    file.write_at(0, &mut [IoSlice::new(&bytes)])?;
    file.set_len(bytes.len() as u64)?;
    file.sync()?;
    drop(file);
    storage.rename(UNFINISHED, NAME)?;
    storage.sync_folder()?;
    // The space of the previous note is free. Without this file the next note takes the space that is left.
    let _ = storage.create(UNFINISHED).and_then(|mut file| file.write_at(0, &mut [IoSlice::new(&bytes)]));
    Ok(())
}

/// Removes the note of a stream that was retired.
pub(super) fn remove<S: Storage>(storage: &S) -> io::Result<()> {
    let names = storage.names()?;
    let ours = [NAME, UNFINISHED].into_iter().filter(|ours| names.iter().any(|name| name == ours));
    for name in ours {
        storage.remove(name)?;
        storage.sync_folder()?;
    }
    Ok(())
}

fn read_all<S: Storage>(storage: &S) -> io::Result<Vec<u8>> {
    let mut file = storage.open(NAME)?;
    let len = usize::try_from(file.len()?).unwrap_or(usize::MAX).min(64 * 1024);
    let mut bytes = vec![0; len];
    let read = file.read_at(0, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

fn encode(note: &StreamNote) -> io::Result<Vec<u8>> {
    let StreamNote { stream_id, base, end } = note;
    let mut out = serde_json::to_vec(&Text { stream_id: stream_id.to_string(), base: *base, end: *end })?;
    let crc = crc32c::crc32c(&out);
    out.extend_from_slice(format!("\n{crc:08x}\n").as_bytes());
    Ok(out)
}

fn decode(bytes: &[u8]) -> Option<StreamNote> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (note, crc) = text.strip_suffix('\n')?.split_once('\n')?;
    let is_whole = u32::from_str_radix(crc, 16).ok()? == crc32c::crc32c(note.as_bytes());
    let Text { stream_id, base, end } = serde_json::from_str(note).ok().filter(|_| is_whole)?;
    Some(StreamNote { stream_id: stream_id.into(), base, end })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::simulated::{Crash, Disk, Faults};

    fn note(base: u64) -> StreamNote {
        StreamNote { stream_id: "a stream".into(), base, end: Some(7) }
    }

    #[test]
    fn a_note_is_durable_when_it_is_written() {
        let disk = Disk::new(1);
        assert_eq!(read(&disk).unwrap(), Found::Nothing);
        for base in 0..3 {
            write(&disk, &note(base)).unwrap();
            disk.restart(Crash::Power);
            assert_eq!(read(&disk).unwrap(), Found::Whole(note(base)));
        }
        remove(&disk).unwrap();
        disk.restart(Crash::Power);
        assert_eq!(read(&disk).unwrap(), Found::Nothing);
    }

    #[test]
    fn a_note_is_written_on_a_full_disk_that_has_one() {
        let disk = Disk::new(3);
        write(&disk, &note(1)).unwrap();
        let used = disk.lens().values().sum();
        disk.set_faults(Faults { capacity: Some(used), ..Faults::default() });
        for base in 2..9 {
            let restarted = read(&disk).unwrap();
            assert_eq!(restarted, Found::Whole(note(base - 1)));
            write(&disk, &note(base)).unwrap();
            disk.restart(Crash::Power);
            assert_eq!(read(&disk).unwrap(), Found::Whole(note(base)));
        }
    }

    #[test]
    fn a_note_with_a_flipped_bit_is_set_aside() {
        let disk = Disk::new(2);
        let whole = encode(&note(3)).unwrap();
        for place in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[place] ^= 1;
            let mut file = disk.create(NAME).unwrap();
            file.write_at(0, &mut [IoSlice::new(&flipped)]).unwrap();
            let found = read(&disk).unwrap();
            assert!(matches!(found, Found::Damaged(_)) || found == Found::Whole(note(3)), "{place}: {found:?}");
        }
    }
}
