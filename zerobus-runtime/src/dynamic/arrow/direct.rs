//! Columns whose values are written as they are in the array: none is converted, and none can be refused.

use arrow_array::BooleanArray;
use zerobus_codegen::Scalar;

use super::values::{Bytes, Floats, Integers, Kind, Texts};
use crate::dynamic::TimeUnit;
use crate::message::Encoder;
use crate::values::{Date, Timestamp};

/// The values of such a column.
#[derive(Debug)]
pub(super) enum Direct<'a> {
    Booleans(&'a BooleanArray),
    Bytes(Bytes<'a>),
    Doubles(&'a [f64]),
    Floats(&'a [f32]),
    Ints(&'a [i32]),
    Longs(&'a [i64]),
    Texts(Texts<'a>),
}

impl<'a> Direct<'a> {
    /// The values of an array for a column of this type, if all of them can be written as they are.
    pub(super) fn of(scalar: Scalar, kind: &Kind<'a>) -> Option<Self> {
        let is_time = |micros: &i64| Timestamp::from_micros(*micros).is_ok();
        let is_day = |days: &i32| Date::from_days(*days).is_ok();
        Some(match (scalar, kind) {
            (Scalar::Binary, Kind::Bytes(bytes)) => Self::Bytes(*bytes),
            (Scalar::Boolean, Kind::Boolean(booleans)) => Self::Booleans(booleans),
            (Scalar::Date, Kind::Days(days)) if days.iter().all(is_day) => Self::Ints(days),
            (Scalar::Double, Kind::Float(Floats::F64(doubles))) => Self::Doubles(doubles),
            (Scalar::Float, Kind::Float(Floats::F32(floats))) => Self::Floats(floats),
            (Scalar::Int | Scalar::Long, Kind::Integer(Integers::I32(ints))) => Self::Ints(ints),
            (Scalar::Long, Kind::Integer(Integers::I64(longs))) => Self::Longs(longs),
            (Scalar::String, Kind::Text(texts)) => Self::Texts(*texts),
            (Scalar::Timestamp | Scalar::TimestampNtz, Kind::Time(TimeUnit::Micros, times))
                if times.iter().all(is_time) =>
            {
                Self::Longs(times)
            }
            _ => return None,
        })
    }

    /// Writes the value of a row, which is not null.
    #[inline]
    pub(super) fn write(&self, field: u32, row: usize, out: &mut Encoder) {
        match self {
            Self::Booleans(booleans) => out.varint_field(field, booleans.value(row).into()),
            Self::Bytes(bytes) => out.delimited_field(field, bytes.at(row)),
            Self::Doubles(doubles) => out.fixed_64_field(field, doubles[row].to_le_bytes()),
            Self::Floats(floats) => out.fixed_32_field(field, floats[row].to_le_bytes()),
            Self::Ints(ints) => out.varint_field(field, i64::from(ints[row]).cast_unsigned()),
            Self::Longs(longs) => out.varint_field(field, longs[row].cast_unsigned()),
            Self::Texts(texts) => out.delimited_field(field, texts.at(row).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        Array, BinaryArray, BinaryViewArray, Date32Array, Float32Array, Float64Array, Int32Array, Int64Array,
        RecordBatch, StringArray, StringViewArray, TimestampMicrosecondArray,
    };
    use proptest::prelude::*;

    use super::*;
    use crate::dynamic::arrow::write::converted;
    use crate::dynamic::{RowPlan, Table, TableInfo};

    const TIMES: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;
    const DAYS: std::ops::RangeInclusive<i32> = -719_162..=2_932_896;

    fn plan(column: &str) -> RowPlan {
        let column = serde_json::json!({"name": "c", "type_text": column, "position": 0});
        let info = serde_json::json!({"name": "t", "catalog_name": "main", "schema_name": "a", "columns": [column]});
        let info: TableInfo = serde_json::from_value(info).unwrap();
        RowPlan::new(&Table::try_from(&info).unwrap())
    }

    fn batch(array: impl Array + 'static) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable([("c", Arc::new(array) as _, true)]).unwrap()
    }

    /// Checks that each value is written as it is written where all are converted.
    fn check(column: &str, array: impl Array + 'static) -> Result<(), TestCaseError> {
        let (plan, batch) = (plan(column), batch(array));
        let rows = plan.arrow(&batch).unwrap();
        let (column, values) = &rows.columns[0];
        let direct = values.direct.as_ref().unwrap();
        for row in (0..batch.num_rows()).filter(|row| !values.is_null(*row)) {
            let (mut found, mut expected) = (Encoder::new(), Encoder::new());
            direct.write(column.slot.number, row, &mut found);
            converted(&column.slot, values, row, &plan, &mut expected).unwrap();
            prop_assert_eq!(found.as_slice(), expected.as_slice(), "{} {:?}", column.name, direct);
        }
        Ok(())
    }

    fn values<T: std::fmt::Debug>(one: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<Option<T>>> {
        prop::collection::vec(prop::option::weighted(0.8, one), 0..8)
    }

    proptest! {
        #[test]
        fn numbers_are_written_as_if_they_were_converted(
            booleans in values(any::<bool>()),
            doubles in values(any::<f64>()),
            floats in values(any::<f32>()),
            ints in values(any::<i32>()),
            longs in values(any::<i64>()),
        ) {
            check("boolean", BooleanArray::from(booleans))?;
            check("double", Float64Array::from(doubles))?;
            check("float", Float32Array::from(floats))?;
            check("int", Int32Array::from(ints.clone()))?;
            check("bigint", Int32Array::from(ints))?;
            check("bigint", Int64Array::from(longs))?;
        }

        #[test]
        fn times_are_written_as_if_they_were_converted(times in values(TIMES), days in values(DAYS)) {
            check("date", Date32Array::from(days))?;
            check("timestamp", TimestampMicrosecondArray::from(times.clone()))?;
            check("timestamp_ntz", TimestampMicrosecondArray::from(times))?;
        }

        #[test]
        fn texts_and_bytes_are_written_as_if_they_were_converted(
            texts in values(".{0,40}"),
            bytes in values(prop::collection::vec(any::<u8>(), 0..40)),
        ) {
            check("string", StringArray::from(texts.clone()))?;
            check("string", texts.into_iter().collect::<StringViewArray>())?;
            let bytes = || bytes.iter().map(Option::as_deref);
            check("binary", bytes().collect::<BinaryArray>())?;
            check("binary", bytes().collect::<BinaryViewArray>())?;
        }
    }

    #[test]
    fn a_value_that_its_column_refuses_is_not_written_as_it_is() {
        let micros = |time| TimestampMicrosecondArray::from(vec![0, time]);
        for (column, batch) in [
            ("timestamp", batch(micros(TIMES.end() + 1))),
            ("timestamp_ntz", batch(micros(TIMES.start() - 1))),
            ("date", batch(Date32Array::from(vec![0, DAYS.end() + 1]))),
            ("varchar(1)", batch(StringArray::from(vec!["a", "bc"]))),
            ("int", batch(Int64Array::from(vec![0, i64::MAX]))),
        ] {
            let plan = plan(column);
            let rows = plan.arrow(&batch).unwrap();
            let written = |row| plan.encode(&rows.row(row).unwrap(), &mut Encoder::new());
            assert!(written(0).is_ok() && written(1).is_err(), "{column}");
        }
    }
}
