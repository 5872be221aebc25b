//! The list of differences: the table in the section "On the wire" of CONFORMANCE.md.
//!
//! Its columns are the name of a difference, a cell for each peer (`same`, or what it does), ours and the reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// An official client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    /// The crate on crates.io.
    Crate,
    /// The newest wheel on PyPI.
    WheelNewest,
    /// The wheel of version 1.0.0.
    Wheel10,
}

impl Peer {
    /// All peers, in the order of the table's columns.
    pub(crate) const ALL: [Self; 3] = [Self::Crate, Self::WheelNewest, Self::Wheel10];
}

/// Every listed difference, for each peer that has it.
pub(crate) fn read() -> BTreeSet<(String, Peer)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../zerobus-emulator/CONFORMANCE.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once("\n## On the wire\n").expect("the section is there");
    let section = section.split("\n## ").next().unwrap();
    let mut listed = BTreeSet::new();
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 5, "{line}");
        assert!(!cells[4].is_empty(), "a reason is missing: {line}");
        let name = cells[0].trim_matches('`').to_owned();
        for (peer, cell) in Peer::ALL.into_iter().zip(&cells[1..4]) {
            if *cell != "same" {
                listed.insert((name.clone(), peer));
            }
        }
    }
    assert!(!listed.is_empty(), "the section has a table");
    listed
}
