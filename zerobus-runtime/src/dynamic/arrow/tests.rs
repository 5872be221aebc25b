//! Values that are written unchanged: the same bytes as if each was converted.

use std::sync::Arc;

use arrow_array::{
    Array, BinaryArray, BinaryViewArray, BooleanArray, Date32Array, Decimal32Array, Decimal64Array, Decimal128Array,
    Float32Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, StringViewArray,
    TimestampMicrosecondArray,
};
use proptest::prelude::*;

use super::write::converted;
use crate::dynamic::{RowPlan, Table, TableInfo};
use crate::message::Encoder;

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

/// Checks that each value is written with the same bytes as where all are converted.
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
    fn decimals_are_written_as_if_they_were_converted(
        tens in values(-999_999_999..=999_999_999_i32),
        longs in values(-99_999_999_999_999_999..=99_999_999_999_999_999_i64),
        long_ones in values(-(10_i128.pow(38) - 1)..10_i128.pow(38)),
        scale in 0..=9_i8,
    ) {
        let column = "decimal(38,9)";
        check("decimal(9,9)", Decimal32Array::from(tens.clone()).with_precision_and_scale(9, 9).unwrap())?;
        check(column, Decimal32Array::from(tens).with_precision_and_scale(9, scale).unwrap())?;
        check(column, Decimal64Array::from(longs).with_precision_and_scale(18, scale).unwrap())?;
        check("decimal(38,38)", Decimal128Array::from(long_ones.clone()).with_precision_and_scale(38, 38).unwrap())?;
        check("decimal(38,0)", Decimal128Array::from(long_ones).with_precision_and_scale(38, 0).unwrap())?;
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
        ("decimal(3,1)", batch(Decimal128Array::from(vec![999, -1000]).with_precision_and_scale(4, 1).unwrap())),
        ("decimal(3,1)", batch(Decimal128Array::from(vec![50, 55]).with_precision_and_scale(4, 2).unwrap())),
        ("varchar(1)", batch(StringArray::from(vec!["a", "bc"]))),
        ("int", batch(Int64Array::from(vec![0, i64::MAX]))),
    ] {
        let plan = plan(column);
        let rows = plan.arrow(&batch).unwrap();
        let written = |row| plan.encode(&rows.row(row).unwrap(), &mut Encoder::new());
        assert!(written(0).is_ok() && written(1).is_err(), "{column}");
    }
}
