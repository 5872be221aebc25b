//! Columns as JSON, for the attributes of serde: written as the service's JSON path expects them, read leniently.
//!
//! Generated types have these attributes with the option `serde`; your own structs may have them too.
//!
//! | format | written | also read |
//! |---|---|---|
//! | [`Binary`] | base64 text | an array of numbers |
//! | [`Date`] | days since 1970-01-01 | `2018-02-07`, the days as text |
//! | [`Decimal`] | plain text | a number of at most 15 digits |
//! | `f32`, `f64` | a number, or `NaN`, `Infinity`, `-Infinity` | |
//! | [`Timestamp`] | microseconds since 1970-01-01T00:00:00Z | RFC 3339, with a space for the `T` too; the number as text |
//! | [`TimestampNtz`] | microseconds since 1970-01-01T00:00:00 | ISO 8601 without a zone, with a space for the `T` too; the number as text |
//! | [`Variant`] | text that holds JSON | any other JSON |
//! | [`Plain`] | as serde writes it | |
//! | [`Maybe<F>`], [`Each<F>`], [`Map<K, V>`] | an `Option`, an array, a map of these | null for an empty array or map |
//!
//! `FromStr` of these types reads the same texts.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use zerobus_runtime::{Timestamp, json};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Reading {
//!     #[serde(serialize_with = "json::write::<Timestamp, _, _>", deserialize_with = "json::read::<Timestamp, _, _>")]
//!     at: Timestamp,
//! }
//!
//! let reading: Reading = serde_json::from_str(r#"{"at": "2018-02-07 01:26:13Z"}"#)?;
//! assert_eq!(serde_json::to_string(&reading)?, r#"{"at":1517966773000000}"#);
//! # Ok::<(), serde_json::Error>(())
//! ```

mod scalar;

#[cfg(feature = "dynamic")]
pub(crate) use scalar::BASE64;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[cfg(doc)]
use crate::values::{Date, Decimal, Timestamp, TimestampNtz, Variant};

/// How a value of the type `T` is written and read.
pub trait Format<T> {
    /// Writes the value.
    ///
    /// # Errors
    /// If the serializer fails.
    fn write<S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error>;

    /// Reads a value.
    ///
    /// # Errors
    /// If the input is not such a value.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error>;
}

/// Writes a value in the format `F`: the function for `serialize_with`.
///
/// # Errors
/// If the serializer fails.
pub fn write<F: Format<T>, T, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    F::write(value, serializer)
}

/// Reads a value in the format `F`: the function for `deserialize_with`.
///
/// # Errors
/// If the input is not such a value.
pub fn read<'de, F: Format<T>, T, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    F::read(deserializer)
}

/// Bytes.
#[derive(Debug)]
pub struct Binary;

/// The value as serde writes it.
#[derive(Debug)]
pub struct Plain;

/// An `Option`.
#[derive(Debug)]
pub struct Maybe<F>(PhantomData<F>);

/// A `Vec`.
#[derive(Debug)]
pub struct Each<F>(PhantomData<F>);

/// A map, in the formats of its keys and values.
#[derive(Debug)]
pub struct Map<K, V>(PhantomData<(K, V)>);

/// A value that serde writes in the format `F`.
struct Written<'a, F, T>(&'a T, PhantomData<F>);

impl<F: Format<T>, T> Serialize for Written<'_, F, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        F::write(self.0, serializer)
    }
}

/// A value that serde reads in the format `F`.
struct Read<F, T>(T, PhantomData<F>);

impl<'de, F: Format<T>, T> Deserialize<'de> for Read<F, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        F::read(deserializer).map(|value| Self(value, PhantomData))
    }
}

impl<T: Serialize + DeserializeOwned> Format<T> for Plain {
    fn write<S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        T::deserialize(deserializer)
    }
}

impl<F: Format<T>, T> Format<Option<T>> for Maybe<F> {
    fn write<S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        value.as_ref().map(|value| Written::<F, T>(value, PhantomData)).serialize(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
        Ok(Option::<Read<F, T>>::deserialize(deserializer)?.map(|read| read.0))
    }
}

impl<F: Format<T>, T> Format<Vec<T>> for Each<F> {
    fn write<S: Serializer>(values: &Vec<T>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(|value| Written::<F, T>(value, PhantomData)))
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
        let values = Option::<Vec<Read<F, T>>>::deserialize(deserializer)?;
        Ok(values.unwrap_or_default().into_iter().map(|read| read.0).collect())
    }
}

fn write_map<'a, K, V, A: 'a, B: 'a, S: Serializer>(
    entries: impl ExactSizeIterator<Item = (&'a A, &'a B)>,
    serializer: S,
) -> Result<S::Ok, S::Error>
where
    K: Format<A>,
    V: Format<B>,
{
    let mut map = serializer.serialize_map(Some(entries.len()))?;
    for (key, value) in entries {
        map.serialize_entry(&Written::<K, A>(key, PhantomData), &Written::<V, B>(value, PhantomData))?;
    }
    map.end()
}

fn read_map<'de, K, V, A, B, M, D: Deserializer<'de>>(deserializer: D) -> Result<M, D::Error>
where
    K: Format<A>,
    V: Format<B>,
    M: Default + Extend<(A, B)>,
{
    let entries = Option::<Entries<K, V, A, B>>::deserialize(deserializer)?;
    let mut map = M::default();
    map.extend(entries.map_or_else(Vec::new, |entries| entries.entries));
    Ok(map)
}

/// The entries of a map in their order.
struct Entries<K, V, A, B> {
    entries: Vec<(A, B)>,
    formats: PhantomData<(K, V)>,
}

impl<'de, K: Format<A>, V: Format<B>, A, B> Deserialize<'de> for Entries<K, V, A, B> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

/// The formats and the types of a map's keys and values.
struct EntriesVisitor<K, V, A, B>(PhantomData<(K, V, A, B)>);

impl<'de, K: Format<A>, V: Format<B>, A, B> Visitor<'de> for EntriesVisitor<K, V, A, B> {
    type Value = Entries<K, V, A, B>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<Read<K, A>, Read<V, B>>()? {
            entries.push((key.0, value.0));
        }
        Ok(Entries { entries, formats: PhantomData })
    }
}

impl<K: Format<A>, V: Format<B>, A: Eq + Hash, B, H: BuildHasher + Default> Format<HashMap<A, B, H>> for Map<K, V> {
    fn write<S: Serializer>(map: &HashMap<A, B, H>, serializer: S) -> Result<S::Ok, S::Error> {
        write_map::<K, V, _, _, _>(map.iter(), serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HashMap<A, B, H>, D::Error> {
        read_map::<K, V, A, B, _, _>(deserializer)
    }
}

impl<K: Format<A>, V: Format<B>, A: Ord, B> Format<BTreeMap<A, B>> for Map<K, V> {
    fn write<S: Serializer>(map: &BTreeMap<A, B>, serializer: S) -> Result<S::Ok, S::Error> {
        write_map::<K, V, _, _, _>(map.iter(), serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<A, B>, D::Error> {
        read_map::<K, V, A, B, _, _>(deserializer)
    }
}
