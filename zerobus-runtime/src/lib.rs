#![doc = include_str!("../README.md")]

mod auth;
mod client;
mod core;
mod dead_letters;
mod descriptor;
mod driver;
#[cfg(feature = "dynamic")]
pub mod dynamic;
mod error;
mod event;
mod folder_sync;
mod insert;
pub mod json;
mod letter;
pub mod message;
mod meter;
mod offset;
mod persisted;
mod record_kind;
mod schemas;
mod scratch;
mod shared;
#[cfg(feature = "spool")]
mod spool;
mod stats;
mod stream;
mod transport;
mod undelivered;
mod values;
#[doc(hidden)]
pub mod wire;

/// Called by derived code. Not part of the public API: it can change in any version.
#[doc(hidden)]
pub mod __private {
    pub use crate::message::convert::{Convert, ConvertField, Count, In, Json, Micros, Millis, Nanos, Optional, Secs};
    pub use crate::message::held::{Column, Found, Text, check_table_name, declared, mismatch, schema_of};
    pub use crate::message::limits::{Lengths, hold_lengths, hold_row};
    pub use serde::Serialize;

    /// Functions between fields and their columns.
    pub mod with {
        pub use crate::message::with::*;
    }
}

/// Includes the types that `zerobus_codegen::configure().compile(…)` generated in `build.rs`.
///
/// The table `main.geo.earthquakes` becomes `main::geo::Earthquakes` in the module that invokes the macro.
#[macro_export]
macro_rules! include_tables {
    () => {
        ::core::include!(::core::concat!(::core::env!("OUT_DIR"), "/zerobus_tables.rs"));
    };
}

#[cfg(any(doc, doctest))]
#[doc = include_str!("../docs/production.md")]
pub mod production {}

pub use auth::{Secret, Token, TokenFuture, TokenProvider};
pub use client::{Client, ClientBuilder};
#[cfg(feature = "spool")]
pub use core::SpoolOverflow;
pub use dead_letters::{DeadLetterFile, DeadLetters};
pub use descriptor::{DescriptorFiles, descriptor_of};
pub use error::{Error, ErrorKind, ServerCode};
pub use event::StreamEvent;
pub use letter::DeadLetter;
pub use message::{Encoder, ZerobusMessage};
pub use offset::{Offset, Offsets};
pub use persisted::Persisted;
#[cfg(feature = "spool")]
pub use spool::{SpoolFile, SpoolFileCheck, SpoolFolder, SpoolLevel};
pub use stats::{Report, Stats};
#[cfg(feature = "spool")]
pub use stream::StampColumns;
pub use stream::{
    Accepts, BlockingLanes, BlockingStream, CloseError, Encoded, EncodedStream, IngestStream, Json, JsonStream,
    LaneOffset, LaneReceipt, Lanes, LanesBuilder, Prost, RawJson, Receipt, StreamBuilder, Unsent,
};
pub use transport::{Connection, Dial, DialFuture};
pub use undelivered::{Undelivered, UndeliveredRow};
pub use values::{Date, Decimal, Timestamp, TimestampNtz, ValueError, Variant};
pub use zerobus_codegen::TableName;
pub use zerobus_codegen_macros::ZerobusMessage;
