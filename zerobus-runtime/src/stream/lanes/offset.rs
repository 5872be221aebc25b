//! The position of a row on its lane.

use crate::offset::Offset;

/// The position of a row on the lane that accepted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LaneOffset {
    pub(in super::super) lane: usize,
    pub(in super::super) offset: Offset,
}

impl LaneOffset {
    /// The lane, counted from 0.
    #[must_use]
    pub const fn lane(self) -> usize {
        self.lane
    }

    /// The row's offset on the lane.
    #[must_use]
    pub const fn offset(self) -> Offset {
        self.offset
    }
}
