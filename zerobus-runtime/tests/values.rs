//! The value types: units, ranges, text, and the same answers as the crates that other people use for time and
//! decimals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use zerobus_runtime::{Date, Decimal, Timestamp, TimestampNtz, ValueError, Variant};

const MICROS: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;
const DAYS: std::ops::RangeInclusive<i32> = -719_162..=2_932_896;

#[test]
fn finer_units_are_floored_toward_the_past() {
    assert_eq!(Timestamp::from_nanos(-1).unwrap().as_micros(), -1);
    assert_eq!(Timestamp::from_nanos(999).unwrap().as_micros(), 0);
    assert_eq!(Timestamp::from_micros(-1).unwrap().as_millis(), -1);
    assert_eq!(Timestamp::from_micros(-1_000_001).unwrap().as_secs(), -2);
    assert_eq!(Timestamp::from_micros(-1).unwrap().date(), Date::from_days(-1).unwrap());
    let before = SystemTime::UNIX_EPOCH - Duration::from_nanos(1_001);
    assert_eq!(Timestamp::try_from(before).unwrap().as_micros(), -2);
}

#[test]
fn the_range_ends_at_the_years_0001_and_9999() {
    assert_eq!(Timestamp::MIN.to_string(), "0001-01-01T00:00:00Z");
    assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999999Z");
    assert_eq!(TimestampNtz::MAX.to_string(), "9999-12-31T23:59:59.999999");
    assert_eq!(Date::MIN.to_string(), "0001-01-01");
    assert_eq!(Date::MAX.to_string(), "9999-12-31");
    assert_eq!(Timestamp::MIN.date(), Date::MIN);
    assert_eq!(Timestamp::MAX.date(), Date::MAX);
    for beyond in [Timestamp::MIN.as_micros() - 1, Timestamp::MAX.as_micros() + 1, i64::MIN, i64::MAX] {
        assert!(Timestamp::from_micros(beyond).is_err());
        assert!(Timestamp::from_nanos(i128::from(beyond) * 1_000).is_err());
    }
    assert!(Timestamp::from_secs(i64::MAX).is_err());
    assert!(Timestamp::from_millis(i64::MIN).is_err());
    assert!(Date::from_days(Date::MAX.as_days() + 1).is_err());
    assert!(Date::from_days(i32::MIN).is_err());
    assert!(Date::from_ymd(10_000, 1, 1).is_err());
}

#[test]
fn an_error_names_the_number_and_its_unit() {
    let error = Timestamp::from_secs(1_517_966_773_840).unwrap_err();
    assert_eq!(
        error.to_string(),
        "1517966773840 seconds since 1970-01-01 lie outside of the years 0001 to 9999; is seconds the unit of this number?"
    );
    assert!(size_of::<ValueError>() <= 48, "an error is cheap to return");
}

#[test]
fn texts_that_are_no_values_are_refused() {
    for text in [
        "",
        "2018-02-07",
        "2018-02-07T01:26:13",
        "2018-02-30T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "0000-12-31T00:00:00Z",
        "2018-02-07x01:26:13Z",
        "2018-02-07  01:26:13Z",
        "2018-02-07T01:26:13 Z",
        "2018-02-07T01:26:13+1",
        "2018-02-07T01:26:13+010",
        "2018-02-07T01:26:13+01:0",
        "2018-02-07T01:26:13+01ü",
        "2018-02-07T01:26:13+2500",
        "1517966773.5",
        "+1517966773000000",
        "1.5e15",
        "-",
        "253402300800000000",
        "99999999999999999999999999999999999999999999",
    ] {
        assert!(text.parse::<Timestamp>().is_err(), "{text}");
    }
    for text in ["", "2018-02-07", "2018-02-07T01:26:13Z", "2018-02-07T01:26:13+01:00", "2018-02-07T01:26:13+01"] {
        assert!(text.parse::<TimestampNtz>().is_err(), "{text}");
    }
    for text in [
        "",
        "2018-2-7",
        "2018-02-30",
        "+018-02-07",
        "18-02-07",
        "2018-02-07T00",
        "2018-02-07-",
        "２０１８-02-07",
        "20180207",
    ] {
        assert!(text.parse::<Date>().is_err(), "{text}");
    }
    for text in ["", ".", "-", "1e3", "1,5", " 1", "1 ", "--1", "+-1", "0x1", "NaN", "١"] {
        assert!(matches!(text.parse::<Decimal<10, 2>>(), Err(ValueError::Malformed { .. })), "{text}");
    }
    for text in ["100000000", "0.001", "-100000000.00", "999999999999999999999999999999999999999999999"] {
        assert!(matches!(text.parse::<Decimal<10, 2>>(), Err(ValueError::Digits { .. })), "{text}");
    }
    for text in ["", "{", "nul", "{\"a\": 01}", "1 2"] {
        assert!(text.parse::<Variant>().is_err(), "{text}");
    }
}

#[test]
fn whole_numbers_are_read_in_the_unit_of_the_column() {
    assert_eq!("1517966773840000".parse(), Timestamp::from_micros(1_517_966_773_840_000));
    assert_eq!("-1".parse(), TimestampNtz::from_micros(-1));
    assert_eq!("0".parse(), Ok(Timestamp::EPOCH));
    assert_eq!("17569".parse(), Date::from_ymd(2018, 2, 7));
    assert_eq!("-719162".parse(), Ok(Date::MIN));
    let error = "20180207".parse::<Date>().unwrap_err();
    assert!(error.to_string().starts_with("20180207 days since 1970-01-01 lie outside"), "{error}");
    let error = "99999999999999999999".parse::<Timestamp>().unwrap_err();
    assert!(error.to_string().ends_with("is microseconds the unit of this number?"), "{error}");
}

#[test]
fn times_are_read_as_programs_write_them() {
    let expected = Timestamp::from_millis(1_517_966_773_840).unwrap();
    for text in [
        "2018-02-07T01:26:13.84Z",
        "2018-02-07t01:26:13.840000z",
        "2018-02-07 01:26:13.84Z",
        "2018-02-07 02:26:13.840+01:00",
        "2018-02-07 02:26:13.840+0100",
        "2018-02-07 02:26:13.840+01",
        "2018-02-06T21:56:13.840-0330",
        "2018-02-07T01:26:13.8400009Z",
    ] {
        assert_eq!(text.parse(), Ok(expected), "{text}");
    }
    let expected = TimestampNtz::from_millis(1_517_966_773_840).unwrap();
    for text in ["2018-02-07T01:26:13.84", "2018-02-07 01:26:13.840"] {
        assert_eq!(text.parse(), Ok(expected), "{text}");
    }
}

#[test]
fn decimals_are_plain_text_of_the_columns_scale() {
    let text = |text: &str| text.parse::<Decimal<10, 2>>().map(|decimal| decimal.to_string());
    assert_eq!(text("0"), Ok("0.00".to_owned()));
    assert_eq!(text("-.5"), Ok("-0.50".to_owned()));
    assert_eq!(text("+7."), Ok("7.00".to_owned()));
    assert_eq!(text("0007.5000"), Ok("7.50".to_owned()));
    assert_eq!(Decimal::<38, 0>::MAX.to_string(), "9".repeat(38));
    assert_eq!(Decimal::<38, 38>::MIN.to_string(), format!("-0.{}", "9".repeat(38)));
    assert_eq!(Decimal::<5, 0>::from_unscaled(0).unwrap().to_string(), "0");
    assert!(Decimal::<2, 0>::from_unscaled(100).is_err());
    assert_eq!(Decimal::<4, 2>::try_from(99_i64).unwrap().to_string(), "99.00");
    assert!(Decimal::<4, 2>::try_from(100_i64).is_err());
}

#[test]
fn serde_writes_what_the_json_path_wants() {
    #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    struct Row {
        at: Timestamp,
        wall: TimestampNtz,
        day: Date,
        price: Decimal<10, 2>,
        extra: Variant,
    }
    let row = Row {
        at: Timestamp::from_secs(1).unwrap(),
        wall: TimestampNtz::from_micros(-1).unwrap(),
        day: Date::from_days(2).unwrap(),
        price: "19.9".parse().unwrap(),
        extra: Variant::of(&[1]).unwrap(),
    };
    let json = serde_json::to_string(&row).unwrap();
    assert_eq!(json, r#"{"at":1000000,"wall":-1,"day":2,"price":"19.90","extra":"[1]"}"#);
    assert_eq!(serde_json::from_str::<Row>(&json).unwrap(), row);
    assert!(serde_json::from_str::<Date>("2932897").is_err());
    assert!(serde_json::from_str::<Timestamp>("9223372036854775807").is_err());
}

proptest! {
    #[test]
    fn text_is_read_back(micros in MICROS, days in DAYS, unscaled in -10_i128.pow(38) + 1..10_i128.pow(38)) {
        let time = Timestamp::from_micros(micros).unwrap();
        prop_assert_eq!(time.to_string().parse(), Ok(time));
        let wall = TimestampNtz::from_micros(micros).unwrap();
        prop_assert_eq!(wall.to_string().parse(), Ok(wall));
        let day = Date::from_days(days).unwrap();
        prop_assert_eq!(day.to_string().parse(), Ok(day));
        let decimal = Decimal::<38, 9>::from_unscaled(unscaled).unwrap();
        prop_assert_eq!(decimal.to_string().parse(), Ok(decimal));
        prop_assert_eq!(decimal.unscaled(), unscaled);
    }

    #[test]
    fn order_is_that_of_time(a in MICROS, b in MICROS) {
        let (earlier, later) = (Timestamp::from_micros(a.min(b)).unwrap(), Timestamp::from_micros(a.max(b)).unwrap());
        prop_assert!(earlier <= later);
        prop_assert!(earlier.date() <= later.date());
        prop_assert!(SystemTime::from(earlier) <= SystemTime::from(later));
    }

    #[test]
    fn system_time_goes_both_ways(micros in MICROS) {
        let time = Timestamp::from_micros(micros).unwrap();
        prop_assert_eq!(Timestamp::try_from(SystemTime::from(time)), Ok(time));
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC{0,50}", number in "[-+0-9.:TZe]{0,45}") {
        for text in [text, number] {
            let _ = text.parse::<Timestamp>();
            let _ = text.parse::<TimestampNtz>();
            let _ = text.parse::<Date>();
            let _ = text.parse::<Decimal<38, 18>>();
            let _ = text.parse::<Variant>();
        }
    }
}

#[cfg(feature = "chrono")]
mod chrono_agrees {
    use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, Utc};

    use super::*;

    proptest! {
        #[test]
        fn in_both_directions(micros in MICROS, nanos in 0_i64..1_000, offset in -86_399_i32..86_400, days in DAYS) {
            let time = Timestamp::from_micros(micros).unwrap();
            let theirs = DateTime::<Utc>::from(time);
            prop_assert_eq!(theirs.timestamp_micros(), micros);
            prop_assert_eq!(Timestamp::try_from(theirs + chrono::TimeDelta::nanoseconds(nanos)), Ok(time));
            prop_assert_eq!(Timestamp::try_from(theirs.with_timezone(&FixedOffset::east_opt(offset).unwrap())), Ok(time));
            prop_assert_eq!(theirs.date_naive().to_string(), time.date().to_string());
            prop_assert_eq!(theirs.to_rfc3339().parse(), Ok(time));
            let wall = TimestampNtz::from_micros(micros).unwrap();
            prop_assert_eq!(TimestampNtz::try_from(NaiveDateTime::from(wall)), Ok(wall));
            let day = Date::from_days(days).unwrap();
            prop_assert_eq!(NaiveDate::from(day).to_string(), day.to_string());
            prop_assert_eq!(Date::try_from(NaiveDate::from(day)), Ok(day));
        }
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        assert!(Timestamp::try_from(DateTime::<Utc>::MAX_UTC).is_err());
        assert!(TimestampNtz::try_from(NaiveDateTime::MIN).is_err());
        assert!(Date::try_from(NaiveDate::MAX).is_err());
    }
}

#[cfg(feature = "jiff")]
mod jiff_agrees {
    use jiff::civil;

    use super::*;

    proptest! {
        #[test]
        fn in_both_directions(micros in MICROS, nanos in 0_i64..1_000, days in DAYS) {
            let time = Timestamp::from_micros(micros).unwrap();
            if let Ok(theirs) = jiff::Timestamp::try_from(time) {
                let finer = theirs.saturating_add(jiff::SignedDuration::from_nanos(nanos)).unwrap();
                prop_assert_eq!(Timestamp::try_from(finer), Ok(time));
                prop_assert_eq!(theirs.to_string().parse(), Ok(time));
            }
            let wall = TimestampNtz::from_micros(micros).unwrap();
            let theirs = civil::DateTime::from(wall);
            prop_assert_eq!(theirs.to_string(), wall.to_string());
            prop_assert_eq!(TimestampNtz::try_from(theirs), Ok(wall));
            let day = Date::from_days(days).unwrap();
            prop_assert_eq!(civil::Date::from(day).to_string(), day.to_string());
            prop_assert_eq!(Date::try_from(civil::Date::from(day)), Ok(day));
        }
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        assert!(Timestamp::try_from(jiff::Timestamp::MIN).is_err());
        assert!(TimestampNtz::try_from(civil::DateTime::MIN).is_err());
        assert!(Date::try_from(civil::Date::MIN).is_err());
        assert!(jiff::Timestamp::try_from(Timestamp::MAX).is_err());
    }
}

#[cfg(feature = "time")]
mod time_agrees {
    use time::{OffsetDateTime, PrimitiveDateTime};

    use super::*;

    proptest! {
        #[test]
        fn in_both_directions(micros in MICROS, days in DAYS) {
            let time = Timestamp::from_micros(micros).unwrap();
            let theirs = OffsetDateTime::from(time);
            prop_assert_eq!(theirs.unix_timestamp_nanos(), i128::from(micros) * 1_000);
            prop_assert_eq!(Timestamp::try_from(theirs), Ok(time));
            let wall = TimestampNtz::from_micros(micros).unwrap();
            prop_assert_eq!(TimestampNtz::try_from(PrimitiveDateTime::from(wall)), Ok(wall));
            let day = Date::from_days(days).unwrap();
            prop_assert_eq!(time::Date::from(day).to_string(), day.to_string());
            prop_assert_eq!(Date::try_from(time::Date::from(day)), Ok(day));
        }
    }
}

#[cfg(feature = "rust_decimal")]
mod rust_decimal_agrees {
    use super::*;

    proptest! {
        #[test]
        fn in_both_directions(unscaled in -10_i128.pow(28) + 1..10_i128.pow(28)) {
            let decimal = Decimal::<28, 6>::from_unscaled(unscaled).unwrap();
            let theirs = rust_decimal::Decimal::try_from(decimal).unwrap();
            prop_assert_eq!(theirs.to_string(), decimal.to_string());
            prop_assert_eq!(Decimal::try_from(theirs), Ok(decimal));
        }
    }

    #[test]
    fn digits_without_room_are_refused() {
        let number: rust_decimal::Decimal = "1.25".parse().unwrap();
        assert!(Decimal::<10, 1>::try_from(number).is_err());
        assert_eq!(Decimal::<10, 4>::try_from(number).unwrap().to_string(), "1.2500");
        assert!(rust_decimal::Decimal::try_from(Decimal::<38, 0>::MAX).is_err());
    }
}
