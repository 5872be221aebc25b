//! A disk that keeps no more than it must: data that was not synced may be lost, torn, or kept without earlier data.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard};

use super::storage::{File, Storage};

/// The units of atomic writes: a sector of a disk, or less where a disk does not guarantee that.
const PIECES: [usize; 2] = [512, 8];

/// One folder of a simulated disk.
#[derive(Debug, Clone)]
pub(crate) struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
pub(crate) struct SimulatedFile {
    disk: Disk,
    inode: usize,
}

/// What happens at the next crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crash {
    /// One of the two, at random.
    Either,
    /// The process is killed: data that the system accepted stays.
    Process,
    /// The power fails: synced data stays, and any part of the rest.
    Power,
}

/// How often an operation fails, per thousand.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) failures: u32,
    pub(crate) read_failures: u32,
    pub(crate) capacity: Option<usize>,
}

#[derive(Debug)]
struct State {
    random: fastrand::Rng,
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    pending_names: Vec<Naming>,
    faults: Faults,
    operations: u64,
    crash_at: Option<u64>,
    is_dead: bool,
}

#[derive(Debug, Clone, Default)]
struct Inode {
    cached: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Len(usize),
    Write(usize, Vec<u8>),
}

#[derive(Debug, Clone)]
enum Naming {
    Name(String, usize),
    Remove(String),
    Rename(String, String, usize),
}

/// The outcome of an operation.
enum Fate {
    Dies,
    Fails,
    Happens,
}

impl Disk {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            random: fastrand::Rng::with_seed(seed),
            inodes: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending_names: Vec::new(),
            faults: Faults::default(),
            operations: 0,
            crash_at: None,
            is_dead: false,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// Crashes in the middle of the operation that comes after this many others.
    pub(crate) fn crash_after(&self, operations: u64) {
        let mut state = self.lock();
        state.crash_at = Some(state.operations + operations);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.lock().is_dead
    }

    pub(crate) fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// The state that the next process finds.
    pub(crate) fn restart(&self, crash: Crash) {
        let mut state = self.lock();
        let state = &mut *state;
        if crash == Crash::Power || (crash == Crash::Either && state.random.bool()) {
            for inode in &mut state.inodes {
                inode.lose_power(&mut state.random);
            }
            for naming in std::mem::take(&mut state.pending_names) {
                if state.random.bool() {
                    naming.apply(&mut state.durable_names);
                }
            }
            state.names = state.durable_names.clone();
        }
        (state.is_dead, state.crash_at) = (false, None);
    }

    /// Flips one bit of one file; returns the name and the position.
    pub(crate) fn flip_bit(&self) -> Option<(String, usize)> {
        let mut state = self.lock();
        let state = &mut *state;
        let files: Vec<_> = state.names.iter().filter(|(_, inode)| !state.inodes[**inode].cached.is_empty()).collect();
        if files.is_empty() {
            return None;
        }
        let (name, inode) = files[state.random.usize(..files.len())];
        let inode = &mut state.inodes[*inode];
        let (byte, bit) = (state.random.usize(..inode.cached.len()), state.random.u8(..8));
        inode.cached[byte] ^= 1 << bit;
        inode.settle();
        Some((name.clone(), byte))
    }

    /// The files and their lengths.
    pub(crate) fn lens(&self) -> BTreeMap<String, usize> {
        let state = self.lock();
        state.names.iter().map(|(name, inode)| (name.clone(), state.inodes[*inode].cached.len())).collect()
    }

    /// Another disk with the same files.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::new(0);
        {
            let (state, mut other) = (self.lock(), copy.lock());
            other.inodes.clone_from(&state.inodes);
            other.names.clone_from(&state.names);
            other.durable_names.clone_from(&state.names);
        }
        copy
    }

    /// Changes the contents of a file without its users' knowledge.
    pub(crate) fn edit(&self, name: &str, edit: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.lock();
        let inode = state.names[name];
        edit(&mut state.inodes[inode].cached);
        state.inodes[inode].settle();
    }
}

impl State {
    fn fate(&mut self, failures: u32) -> Fate {
        if self.is_dead {
            return Fate::Fails;
        }
        self.operations += 1;
        if self.crash_at.is_some_and(|at| self.operations > at) {
            self.is_dead = true;
            return Fate::Dies;
        }
        if failures > 0 && self.random.u32(..1000) < failures { Fate::Fails } else { Fate::Happens }
    }

    /// Whether an operation on names or lengths takes place; if the process dies during one, it may have.
    fn change(&mut self) -> (bool, io::Result<()>) {
        match self.fate(self.faults.failures) {
            Fate::Dies => (self.random.bool(), Err(dead())),
            Fate::Fails => (false, Err(failure())),
            Fate::Happens => (true, Ok(())),
        }
    }

    /// Fails if a file has no name.
    fn check_name(&self, inode: usize) -> io::Result<()> {
        let has_name = self.names.values().any(|named| *named == inode);
        if has_name { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn has_room(&self, inode: usize, end: usize) -> bool {
        let used: usize = self.names.values().map(|inode| self.inodes[*inode].cached.len()).sum();
        let grown = end.saturating_sub(self.inodes[inode].cached.len());
        self.faults.capacity.is_none_or(|capacity| grown == 0 || used + grown <= capacity)
    }
}

impl Inode {
    fn write(&mut self, place: usize, bytes: &[u8]) {
        Change::Write(place, bytes.to_vec()).apply(&mut self.cached);
        self.pending.push(Change::Write(place, bytes.to_vec()));
    }

    /// Data written since the last sync, whether that worked or not, becomes durable.
    fn sync(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            change.apply(&mut self.durable);
        }
    }

    /// The whole cache becomes durable.
    fn settle(&mut self) {
        self.durable = self.cached.clone();
        self.pending.clear();
    }

    /// Any pieces of the unsynced data remain, in any order.
    fn lose_power(&mut self, random: &mut fastrand::Rng) {
        self.sync_in_part(random);
        self.cached = self.durable.clone();
    }

    /// Any pieces of the unsynced data become durable, in any order; the others never do.
    fn sync_in_part(&mut self, random: &mut fastrand::Rng) {
        let piece = PIECES[random.usize(..PIECES.len())];
        for change in std::mem::take(&mut self.pending) {
            match change {
                Change::Len(_) if random.bool() => change.apply(&mut self.durable),
                Change::Len(_) => {}
                Change::Write(place, bytes) => {
                    let mut at = 0;
                    let all = random.u8(..4);
                    while at < bytes.len() {
                        let end = bytes.len().min(((place + at) / piece + 1) * piece - place);
                        if all == 0 || (all != 1 && random.bool()) {
                            Change::Write(place + at, bytes[at..end].to_vec()).apply(&mut self.durable);
                        }
                        at = end;
                    }
                }
            }
        }
    }
}

impl Change {
    fn apply(&self, contents: &mut Vec<u8>) {
        match self {
            Self::Len(len) => contents.resize(*len, 0),
            Self::Write(place, bytes) => {
                let end = place + bytes.len();
                if contents.len() < end {
                    contents.resize(end, 0);
                }
                contents[*place..end].copy_from_slice(bytes);
            }
        }
    }
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Name(name, inode) => {
                names.insert(name.clone(), *inode);
            }
            Self::Remove(name) => {
                names.remove(name);
            }
            Self::Rename(from, to, inode) => {
                names.remove(from);
                names.insert(to.clone(), *inode);
            }
        }
    }
}

impl Storage for Disk {
    type File = SimulatedFile;

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.lock().names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<SimulatedFile> {
        let mut state = self.lock();
        let (happens, result) = state.change();
        let inode = state.inodes.len();
        if happens {
            // Truncating differs from creating a new file; the system may do either.
            state.inodes.push(Inode::default());
            let naming = Naming::Name(name.to_owned(), inode);
            naming.apply(&mut state.names);
            state.pending_names.push(naming);
        }
        result.map(|()| SimulatedFile { disk: self.clone(), inode })
    }

    fn open(&self, name: &str) -> io::Result<SimulatedFile> {
        let state = self.lock();
        let inode = *state.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(SimulatedFile { disk: self.clone(), inode })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.lock();
        let (happens, result) = state.change();
        if happens {
            let inode = *state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
            let naming = Naming::Rename(from.to_owned(), to.to_owned(), inode);
            naming.apply(&mut state.names);
            state.pending_names.push(naming);
        }
        result
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.lock();
        let (happens, result) = state.change();
        if happens {
            if !state.names.contains_key(name) {
                return Err(io::ErrorKind::NotFound.into());
            }
            let naming = Naming::Remove(name.to_owned());
            naming.apply(&mut state.names);
            state.pending_names.push(naming);
        }
        result
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut state = self.lock();
        let (happens, result) = state.change();
        if happens {
            let state = &mut *state;
            for naming in std::mem::take(&mut state.pending_names) {
                naming.apply(&mut state.durable_names);
            }
        }
        result
    }
}

impl File for SimulatedFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.lock().inodes[self.inode].cached.len() as u64)
    }

    fn read_at(&mut self, place: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.disk.lock();
        let failures = state.faults.read_failures;
        if !matches!(state.fate(failures), Fate::Happens) {
            return Err(failure());
        }
        let contents = &state.inodes[self.inode].cached;
        let place = usize::try_from(place).unwrap().min(contents.len());
        let len = buffer.len().min(contents.len() - place);
        buffer[..len].copy_from_slice(&contents[place..place + len]);
        Ok(len)
    }

    fn write_at(&mut self, place: u64, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        let mut state = self.disk.lock();
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let place = usize::try_from(place).unwrap();
        state.check_name(self.inode)?;
        let failures = state.faults.failures;
        let (len, result) = match state.fate(failures) {
            Fate::Happens if !state.has_room(self.inode, place + bytes.len()) => {
                (state.random.usize(..=bytes.len()), Err(io::ErrorKind::StorageFull.into()))
            }
            Fate::Happens => (bytes.len(), Ok(())),
            Fate::Dies => (state.random.usize(..=bytes.len()), Err(dead())),
            Fate::Fails if state.is_dead => return Err(dead()),
            Fate::Fails => (state.random.usize(..=bytes.len()), Err(failure())),
        };
        state.inodes[self.inode].write(place, &bytes[..len]);
        result
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.disk.lock();
        let (happens, result) = state.change();
        if happens {
            let change = Change::Len(usize::try_from(len).unwrap());
            let inode = &mut state.inodes[self.inode];
            change.apply(&mut inode.cached);
            inode.pending.push(change);
        }
        result
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.check_name(self.inode)?;
        let failures = state.faults.failures;
        match state.fate(failures) {
            Fate::Happens => {
                state.inodes[self.inode].sync();
                Ok(())
            }
            Fate::Dies => {
                if state.random.bool() {
                    state.inodes[self.inode].sync();
                }
                Err(dead())
            }
            Fate::Fails => {
                if !state.is_dead {
                    // Data that a sync could not write is clean for the system: no later sync writes it.
                    let State { inodes, random, .. } = &mut *state;
                    inodes[self.inode].sync_in_part(random);
                }
                Err(failure())
            }
        }
    }
}

fn failure() -> io::Error {
    io::Error::other("the simulated disk failed")
}

fn dead() -> io::Error {
    io::Error::other("the process is dead")
}
