//! The arrays of a batch, matched with the columns, so that a row only needs to look its values up.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float16Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, TimeUnit as ArrowUnit};
use zerobus_codegen::Scalar;

use super::arrays::{Bytes, Decimals, Floats, Integers, Ranges, Texts, Unscaled};
use super::direct::Direct;
use super::point::POWERS_OF_TEN;
use super::{ColumnPlan, Seen};
use crate::dynamic::plan::{Shape, Slot, StructPlan};
use crate::dynamic::{Options, RowProblem, TimeUnit, UnknownColumns};
use crate::values::{Date, Timestamp};

/// The values of one column.
#[derive(Debug)]
pub(super) struct Values<'a> {
    /// Which values are null, if any.
    nulls: Option<NullBuffer>,
    pub(super) kind: Kind<'a>,
    /// The same values, if they are written unchanged.
    pub(super) direct: Option<Direct<'a>>,
}

/// The kind of the values.
#[derive(Debug)]
pub(super) enum Kind<'a> {
    Boolean(&'a BooleanArray),
    Bytes(Bytes<'a>),
    Days(&'a [i32]),
    Decimal(Decimals<'a>),
    /// Each value is an index into the distinct values.
    Dictionary(Vec<usize>, Box<Values<'a>>),
    Float(Floats<'a>),
    Integer(Integers<'a>),
    List(Ranges<'a>, Box<Values<'a>>),
    Map(&'a [i32], Box<(Values<'a>, Values<'a>)>),
    /// Milliseconds at the start of a day.
    MillisOfDay(&'a [i64]),
    Null,
    Struct(Vec<(&'a ColumnPlan, Values<'a>)>),
    Text(Texts<'a>),
    Time(TimeUnit, &'a [i64]),
}

/// The fields of a row or of a struct, by the names of their arrays.
pub(super) fn fields<'a>(
    plan: &'a StructPlan,
    arrays: impl Iterator<Item = (&'a str, &'a ArrayRef)>,
    options: Options,
) -> Result<Vec<(&'a ColumnPlan, Values<'a>)>, RowProblem> {
    let mut seen = Seen::default();
    let mut fields = Vec::new();
    for (guess, (name, array)) in arrays.enumerate() {
        let Some(place) = plan.find(name, guess) else {
            if options.unknown == UnknownColumns::Ignore {
                continue;
            }
            return Err(unknown(plan, name));
        };
        let column = &plan.columns[place];
        let values = if seen.mark(place) {
            Values::of(&column.slot, array, options)
        } else {
            Err(RowProblem::new("it twice", "each column once, ignoring case"))
        };
        let values = values.map_err(|mut problem| {
            problem.leave(&column.name);
            problem
        })?;
        fields.push((column, values));
    }
    plan.check_complete(&seen)?;
    Ok(fields)
}

#[cold]
fn unknown(plan: &StructPlan, name: &str) -> RowProblem {
    let expected = match plan.likely(name) {
        Some(likely) => format!("names of the table's columns; `{likely}` is one"),
        None => "names of the table's columns".to_owned(),
    };
    RowProblem::new(format!("the column `{name}` in the batch"), expected)
}

impl<'a> Values<'a> {
    /// The values of an array for a slot, if the slot accepts their type.
    fn of(slot: &'a Slot, array: &'a ArrayRef, options: Options) -> Result<Self, RowProblem> {
        let kind = nested(slot, array, options)?.or_else(|| flat(array));
        let kind = kind
            .filter(|kind| takes(&slot.shape, kind, array.data_type()))
            .ok_or_else(|| RowProblem::new(format!("Arrow's {}", array.data_type()), slot.shape.name()))?;
        let direct = if let Shape::Scalar(scalar) = slot.shape { direct(scalar, &kind) } else { None };
        let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
        Ok(Self { nulls, kind, direct })
    }

    /// The values, if each of them is written unchanged and none is null.
    #[inline]
    pub(super) const fn all_direct(&self) -> Option<&Direct<'a>> {
        if self.nulls.is_some() { None } else { self.direct.as_ref() }
    }

    #[inline]
    pub(super) fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }
}

/// Whether a column accepts values of this kind.
fn takes(shape: &Shape, kind: &Kind<'_>, data_type: &DataType) -> bool {
    let is_null = matches!(kind, Kind::Null | Kind::Dictionary(..));
    let Shape::Scalar(scalar) = shape else {
        // Text is JSON there, as in a cell; other nested values were matched with the shape already.
        return is_null || matches!(kind, Kind::List(..) | Kind::Map(..) | Kind::Struct(_) | Kind::Text(_));
    };
    let is_number = matches!(kind, Kind::Integer(_) | Kind::Float(_));
    is_null
        || matches!(kind, Kind::Text(_))
        || match scalar {
            Scalar::Binary | Scalar::Char(_) | Scalar::String | Scalar::Varchar(_) => matches!(kind, Kind::Bytes(_)),
            Scalar::Boolean => matches!(kind, Kind::Boolean(_)),
            Scalar::Byte | Scalar::Double | Scalar::Float | Scalar::Int | Scalar::Long | Scalar::Short => is_number,
            Scalar::Date => matches!(kind, Kind::Days(_) | Kind::MillisOfDay(_) | Kind::Integer(_)),
            Scalar::Decimal { .. } => is_number || matches!(kind, Kind::Decimal(_)),
            Scalar::Timestamp => matches!(kind, Kind::Time(..) | Kind::Integer(_)),
            Scalar::TimestampNtz => {
                matches!(kind, Kind::Integer(_)) || matches!(data_type, DataType::Timestamp(_, None))
            }
            Scalar::Variant => is_number || matches!(kind, Kind::Boolean(_)),
        }
}

/// The values of an array for a column of this type, if all of them can be written unchanged.
fn direct<'a>(scalar: Scalar, kind: &Kind<'a>) -> Option<Direct<'a>> {
    let is_time = |micros: &i64| Timestamp::from_micros(*micros).is_ok();
    let is_day = |days: &i32| Date::from_days(*days).is_ok();
    Some(match (scalar, kind) {
        (Scalar::Binary, Kind::Bytes(bytes)) => Direct::Bytes(*bytes),
        (Scalar::Boolean, Kind::Boolean(booleans)) => Direct::Booleans(booleans),
        (Scalar::Date, Kind::Days(days)) if days.iter().all(is_day) => Direct::Ints(days),
        (Scalar::Decimal { precision, scale }, Kind::Decimal(Decimals::Narrow(values, places))) => {
            let places = usize::try_from(*places).ok().filter(|places| *places <= scale.into())?;
            let limit = POWERS_OF_TEN[usize::from(precision - scale) + places];
            values.are_below(limit).then_some(Direct::Decimals(*values, places))?
        }
        (Scalar::Double, Kind::Float(Floats::F64(doubles))) => Direct::Doubles(doubles),
        (Scalar::Float, Kind::Float(Floats::F32(floats))) => Direct::Floats(floats),
        (Scalar::Int | Scalar::Long, Kind::Integer(Integers::I32(ints))) => Direct::Ints(ints),
        (Scalar::Long, Kind::Integer(Integers::I64(longs))) => Direct::Longs(longs),
        (Scalar::String, Kind::Text(Texts::View(texts))) => Direct::Views(texts),
        (Scalar::String, Kind::Text(texts)) => Direct::Texts(*texts),
        (Scalar::Timestamp | Scalar::TimestampNtz, Kind::Time(TimeUnit::Micros, times))
            if times.iter().all(is_time) =>
        {
            Direct::Longs(times)
        }
        _ => return None,
    })
}

/// An array that contains others; none if it does not, or the slot has another kind.
fn nested<'a>(slot: &'a Slot, array: &'a ArrayRef, options: Options) -> Result<Option<Kind<'a>>, RowProblem> {
    if let Some(dictionary) = array.as_any_dictionary_opt() {
        if dictionary.values().is_empty() {
            return Ok(Some(Kind::Null));
        }
        let values = Values::of(slot, dictionary.values(), options)?;
        return Ok(Some(Kind::Dictionary(dictionary.normalized_keys(), Box::new(values))));
    }
    let inside = |segment: &str, slot: &'a Slot, array: &'a ArrayRef| {
        Values::of(slot, array, options).map_err(|mut problem| {
            problem.leave(segment);
            problem
        })
    };
    Ok(match (&slot.shape, array.data_type()) {
        (Shape::List(element), DataType::List(_)) => {
            let list = array.as_list::<i32>();
            Some(Kind::List(Ranges::Small(list.value_offsets()), inside("element", element, list.values())?.into()))
        }
        (Shape::List(element), DataType::LargeList(_)) => {
            let list = array.as_list::<i64>();
            Some(Kind::List(Ranges::Large(list.value_offsets()), inside("element", element, list.values())?.into()))
        }
        (Shape::List(element), DataType::FixedSizeList(..)) => {
            let list = array.as_fixed_size_list();
            let length = usize::try_from(list.value_length()).unwrap_or_default();
            Some(Kind::List(Ranges::Fixed(length), inside("element", element, list.values())?.into()))
        }
        (Shape::Map(_, slots), DataType::Map(..)) => {
            let (map, (key, value)) = (array.as_map(), &**slots);
            let keys = inside("key", key, map.keys())?;
            Some(Kind::Map(map.value_offsets(), Box::new((keys, inside("value", value, map.values())?))))
        }
        (Shape::Struct(plan), DataType::Struct(names)) => {
            let names = names.iter().map(|field| field.name().as_str());
            Some(Kind::Struct(fields(plan, names.zip(array.as_struct().columns()), options)?))
        }
        _ => None,
    })
}

/// An array of plain values, if some column accepts it.
fn flat(array: &ArrayRef) -> Option<Kind<'_>> {
    Some(match array.data_type() {
        DataType::Null => Kind::Null,
        DataType::Boolean => Kind::Boolean(array.as_boolean()),
        DataType::Int8 => Kind::Integer(Integers::I8(array.as_primitive::<Int8Type>().values())),
        DataType::Int16 => Kind::Integer(Integers::I16(array.as_primitive::<Int16Type>().values())),
        DataType::Int32 => Kind::Integer(Integers::I32(array.as_primitive::<Int32Type>().values())),
        DataType::Int64 => Kind::Integer(Integers::I64(array.as_primitive::<Int64Type>().values())),
        DataType::UInt8 => Kind::Integer(Integers::U8(array.as_primitive::<UInt8Type>().values())),
        DataType::UInt16 => Kind::Integer(Integers::U16(array.as_primitive::<UInt16Type>().values())),
        DataType::UInt32 => Kind::Integer(Integers::U32(array.as_primitive::<UInt32Type>().values())),
        DataType::UInt64 => Kind::Integer(Integers::U64(array.as_primitive::<UInt64Type>().values())),
        DataType::Float16 => {
            let values = array.as_primitive::<Float16Type>().values();
            Kind::Float(Floats::F16(values.iter().map(|value| value.to_f32()).collect()))
        }
        DataType::Float32 => Kind::Float(Floats::F32(array.as_primitive::<Float32Type>().values())),
        DataType::Float64 => Kind::Float(Floats::F64(array.as_primitive::<Float64Type>().values())),
        DataType::Decimal32(_, scale) => {
            let values = Unscaled::I32(array.as_primitive::<Decimal32Type>().values());
            Kind::Decimal(Decimals::Narrow(values, *scale))
        }
        DataType::Decimal64(_, scale) => {
            let values = Unscaled::I64(array.as_primitive::<Decimal64Type>().values());
            Kind::Decimal(Decimals::Narrow(values, *scale))
        }
        DataType::Decimal128(_, scale) => {
            let values = Unscaled::I128(array.as_primitive::<Decimal128Type>().values());
            Kind::Decimal(Decimals::Narrow(values, *scale))
        }
        DataType::Decimal256(..) => Kind::Decimal(Decimals::Wide(array.as_primitive::<Decimal256Type>())),
        DataType::Date32 => Kind::Days(array.as_primitive::<Date32Type>().values()),
        DataType::Date64 => Kind::MillisOfDay(array.as_primitive::<Date64Type>().values()),
        DataType::Timestamp(unit, _) => time(*unit, array),
        DataType::Utf8 => Kind::Text(Texts::Small(array.as_string())),
        DataType::LargeUtf8 => Kind::Text(Texts::Large(array.as_string())),
        DataType::Utf8View => Kind::Text(Texts::View(array.as_string_view())),
        DataType::Binary => Kind::Bytes(Bytes::Small(array.as_binary())),
        DataType::LargeBinary => Kind::Bytes(Bytes::Large(array.as_binary())),
        DataType::BinaryView => Kind::Bytes(Bytes::View(array.as_binary_view())),
        DataType::FixedSizeBinary(_) => Kind::Bytes(Bytes::Fixed(array.as_fixed_size_binary())),
        _ => return None,
    })
}

fn time(unit: ArrowUnit, array: &ArrayRef) -> Kind<'_> {
    match unit {
        ArrowUnit::Second => Kind::Time(TimeUnit::Secs, array.as_primitive::<TimestampSecondType>().values()),
        ArrowUnit::Millisecond => {
            Kind::Time(TimeUnit::Millis, array.as_primitive::<TimestampMillisecondType>().values())
        }
        ArrowUnit::Microsecond => {
            Kind::Time(TimeUnit::Micros, array.as_primitive::<TimestampMicrosecondType>().values())
        }
        ArrowUnit::Nanosecond => Kind::Time(TimeUnit::Nanos, array.as_primitive::<TimestampNanosecondType>().values()),
    }
}
