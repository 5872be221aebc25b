//! Steps of a session, for generated sequences.

use proptest::prelude::*;

/// One step of a session.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Push {
        rows: u8,
        bytes: usize,
    },
    Pull {
        requests: u8,
    },
    Open,
    /// The server makes this part of the received rows durable, and acknowledges it or not.
    Keep {
        part: f64,
        says: bool,
    },
    RepeatAck,
    BogusAck(i64),
    AckWithoutOffset,
    CloseSignal {
        millis: u64,
    },
    End(Ending),
    /// The draining call ends.
    EndDrained(Ending),
    /// The server makes this part of the draining call's received rows durable, and acknowledges it.
    KeepDrained {
        part: f64,
    },
    Advance {
        millis: u64,
    },
    Flush,
    /// Rows arrive that another stream could not deliver.
    Adopt {
        rows: u8,
        bytes: usize,
    },
    Close,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Ending {
    Ok,
    Internal,
    StreamTimeout,
    Blocked,
    Unauthenticated,
    PermissionDenied,
    Rejected,
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let ending = || {
        prop_oneof![
        8 => Just(Ending::Ok),
        8 => Just(Ending::Internal),
        4 => Just(Ending::StreamTimeout),
        2 => Just(Ending::Blocked),
        2 => Just(Ending::Unauthenticated),
        1 => Just(Ending::PermissionDenied),
        ]
    };
    prop_oneof![
        10 => (1_u8..20, 0_usize..60).prop_map(|(rows, bytes)| Step::Push { rows, bytes }),
        10 => (1_u8..6).prop_map(|requests| Step::Pull { requests }),
        6 => Just(Step::Open),
        10 => (0.0..=1.0, prop::bool::weighted(0.8)).prop_map(|(part, says)| Step::Keep { part, says }),
        1 => Just(Step::RepeatAck),
        1 => (-3_i64..50).prop_map(Step::BogusAck),
        1 => Just(Step::AckWithoutOffset),
        2 => (0_u64..5000).prop_map(|millis| Step::CloseSignal { millis }),
        2 => ending().prop_map(Step::End),
        1 => ending().prop_map(Step::EndDrained),
        3 => (0.0..=1.0).prop_map(|part| Step::KeepDrained { part }),
        4 => prop_oneof![0_u64..500, 500_u64..20_000].prop_map(|millis| Step::Advance { millis }),
        1 => Just(Step::Flush),
        1 => (1_u8..4, 0_usize..60).prop_map(|(rows, bytes)| Step::Adopt { rows, bytes }),
        1 => Just(Step::Close),
    ]
}
