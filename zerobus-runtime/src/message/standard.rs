//! Types of the standard library that are written as another type.
//!
//! | Rust | column type |
//! |---|---|
//! | `NonZero<T>`, atomics | that of the integer or `bool` inside |
//! | `SystemTime` | TIMESTAMP |
//! | `char` | STRING |
//! | `IpAddr`, `SocketAddr` and their like | STRING, as `Display` writes them |
//! | `Path`, `PathBuf` | STRING; a path that is not Unicode refuses its row |
//! | `serde_json::Value`, `Map`, `RawValue` | VARIANT |
//!
//! An atomic is read when its row is written, without ordering between it and others (`Relaxed`).

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicU8, AtomicU16, AtomicU32, Ordering::Relaxed,
};
use std::time::SystemTime;

use serde_json::value::RawValue;
use zerobus_codegen::Scalar;

use super::encoder::{Encoder, WireType};
use super::schema::ColumnType;
use super::value::{Checked, Value, elements, keys, travels_as};
use crate::values::{Timestamp, ValueError};

travels_as! {
    [] AtomicBool => bool, |value| value.load(Relaxed);
    [] AtomicI16 => i16, |value| value.load(Relaxed);
    [] AtomicI32 => i32, |value| value.load(Relaxed);
    [] AtomicI64 => i64, |value| value.load(Relaxed);
    [] AtomicI8 => i8, |value| value.load(Relaxed);
    [] AtomicU16 => u16, |value| value.load(Relaxed);
    [] AtomicU32 => u32, |value| value.load(Relaxed);
    [] AtomicU8 => u8, |value| value.load(Relaxed);
    [] NonZero<i16> => i16, |value| value.get();
    [] NonZero<i32> => i32, |value| value.get();
    [] NonZero<i64> => i64, |value| value.get();
    [] NonZero<i8> => i8, |value| value.get();
    [] NonZero<u16> => u16, |value| value.get();
    [] NonZero<u32> => u32, |value| value.get();
    [] NonZero<u8> => u8, |value| value.get();
    [] PathBuf => Path, |value| **value;
    [] SystemTime => Checked<Timestamp>, |value| Checked(Timestamp::try_from(*value));
    [] char => str, |value| *value.encode_utf8(&mut [0; 4]);
}

elements! {
    AtomicBool, AtomicI16, AtomicI32, AtomicI64, AtomicI8, AtomicU16, AtomicU32, IpAddr, Ipv4Addr, Ipv6Addr,
    NonZero<i16>, NonZero<i32>, NonZero<i64>, NonZero<i8>, NonZero<u16>, NonZero<u32>, Path, PathBuf, RawValue,
    SocketAddr, SocketAddrV4, SocketAddrV6, SystemTime, char, serde_json::Map<String, serde_json::Value>,
    serde_json::Value,
}

keys! {
    [] IpAddr => Scalar::String;
    [] Ipv4Addr => Scalar::String;
    [] Ipv6Addr => Scalar::String;
    [] NonZero<i16> => Scalar::Short;
    [] NonZero<i32> => Scalar::Int;
    [] NonZero<i64> => Scalar::Long;
    [] NonZero<i8> => Scalar::Byte;
    [] NonZero<u16> => Scalar::Int;
    [] NonZero<u32> => Scalar::Long;
    [] NonZero<u8> => Scalar::Short;
    [] Path => Scalar::String;
    [] PathBuf => Scalar::String;
    [] SocketAddr => Scalar::String;
    [] SocketAddrV4 => Scalar::String;
    [] SocketAddrV6 => Scalar::String;
    [] SystemTime => Scalar::Timestamp;
    [] char => Scalar::String;
}

/// Writes the `Display` text after its length.
macro_rules! displayed {
    ($($rust:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl Value for $rust {
            const TYPE: ColumnType = ColumnType::Scalar(Scalar::String);
            const WIRE: WireType = WireType::Delimited;
            const IS_PLAIN: bool = true;

            fn encode(&self, out: &mut Encoder) {
                out.nested(|out| {
                    // Neither an encoder nor the `Display` of an address fails.
                    let _ = write!(out, "{self}");
                });
            }
        }
    )*};
}

displayed! { IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6 }

#[diagnostic::do_not_recommend]
impl Value for Path {
    const TYPE: ColumnType = ColumnType::Scalar(Scalar::String);
    const WIRE: WireType = WireType::Delimited;
    const IS_PLAIN: bool = true;

    fn encode(&self, out: &mut Encoder) {
        match self.to_str() {
            Some(text) => text.encode(out),
            None => out.refuse(ValueError::NotUnicode { found: self.to_string_lossy().chars().take(64).collect() }),
        }
    }
}

/// What serde writes as the JSON text of a VARIANT.
macro_rules! json {
    ($($rust:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl Value for $rust {
            const TYPE: ColumnType = ColumnType::Scalar(Scalar::Variant);
            const WIRE: WireType = WireType::Delimited;
            const IS_PLAIN: bool = true;

            fn encode(&self, out: &mut Encoder) {
                super::convert::Json(self).encode(out);
            }
        }
    )*};
}

json! { serde_json::Map<String, serde_json::Value>, serde_json::Value }

#[diagnostic::do_not_recommend]
impl Value for RawValue {
    const TYPE: ColumnType = ColumnType::Scalar(Scalar::Variant);
    const WIRE: WireType = WireType::Delimited;
    const IS_PLAIN: bool = true;

    #[inline]
    fn encode(&self, out: &mut Encoder) {
        out.delimited(self.get().as_bytes());
    }
}
