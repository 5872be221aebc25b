//! Records.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Probe, known, settle, uncertain};
use crate::conformance::call::{Call, json_row, proto_row};
use crate::conformance::{Outcome, Target, tables};

const REFUSED: &str = "INVALID_ARGUMENT 4044/0";

pub(super) const PROBES: &[Probe] = &[
    known("record-json", "a JSON record of every type", "taken", |target| {
        Box::pin(async { row(target, tables::good_row(1)).await })
    }),
    known("record-unknown-field", "an unknown field is refused", REFUSED, |target| {
        Box::pin(async { column(target, "no_such_column", json!(1)).await })
    }),
    known("record-timestamp-text", "a TIMESTAMP as text is refused", REFUSED, |target| {
        Box::pin(async { column(target, "at", json!("2026-01-01T00:00:00Z")).await })
    }),
    known("record-not-null", "a NOT NULL column is there", REFUSED, |target| {
        Box::pin(async { row(target, json!({ "name": "n" })).await })
    }),
    uncertain("record-not-null-nested", "a NOT NULL field of a STRUCT is there", REFUSED, |target| {
        Box::pin(async { column(target, "place", json!({ "lat": 1.0 })).await })
    }),
    known("record-tinyint", "a TINYINT is in its range", REFUSED, |target| {
        Box::pin(async { column(target, "tiny", json!(128)).await })
    }),
    known("record-smallint", "a SMALLINT is in its range", REFUSED, |target| {
        Box::pin(async { column(target, "short", json!(-32_769)).await })
    }),
    uncertain("record-date", "a DATE is in the years 0001 to 9999", REFUSED, |target| {
        Box::pin(async { column(target, "day", json!(2_932_897)).await })
    }),
    uncertain("record-timestamp", "a TIMESTAMP is in the years 0001 to 9999", REFUSED, |target| {
        Box::pin(async { column(target, "at", json!(253_402_300_800_000_000_i64)).await })
    }),
    known("record-decimal-digits", "a DECIMAL has no more digits than its column", REFUSED, |target| {
        Box::pin(async { column(target, "price", json!("123456789.00")).await })
    }),
    uncertain("record-decimal-scale", "a DECIMAL is not rounded", REFUSED, |target| {
        Box::pin(async { column(target, "price", json!("1.005")).await })
    }),
    uncertain("record-decimal-exponent", "a DECIMAL has no exponent", REFUSED, |target| {
        Box::pin(async { column(target, "price", json!("1e2")).await })
    }),
    uncertain("record-varchar", "a VARCHAR is no longer than its column", REFUSED, |target| {
        Box::pin(async { column(target, "code", json!("abcdef")).await })
    }),
    uncertain("record-variant", "a VARIANT is JSON", REFUSED, |target| {
        Box::pin(async { column(target, "doc", json!("{")).await })
    }),
    uncertain("record-null-element", "an element of an ARRAY is not null", REFUSED, |target| {
        Box::pin(async { column(target, "lines", json!([null])).await })
    }),
    known("record-no-json", "a JSON record is an object", REFUSED, |target| {
        Box::pin(async { row(target, json!("text")).await })
    }),
    known("record-no-message", "a PROTO record is the message", REFUSED, |target| {
        Box::pin(proto(target, Bytes::from_static(b"\xff\xff\xff")))
    }),
    uncertain("record-unknown-number", "a field number that the descriptor lacks is refused", REFUSED, |target| {
        // Field 1000 as a varint, behind the id.
        Box::pin(proto(target, Bytes::from_static(b"\x08\x01\xc0\x3e\x01")))
    }),
    known("record-behind-good-ones", "a bad record leaves the requests before it acknowledged", REFUSED, |target| {
        Box::pin(behind_good_ones(target))
    }),
];

async fn behind_good_ones(target: &Target) -> Outcome {
    let refused = async {
        let mut call = Call::json(target).await?;
        call.send(json_row(Some(0), &tables::good_row(1))).await;
        if call.next().await?.is_none() {
            return Err(Outcome::Failed("the stream ended".to_owned()));
        }
        call.send(json_row(Some(1), &"{")).await;
        Ok(call.finish(1).await)
    };
    settle(refused.await)
}

async fn column(target: &Target, name: &str, value: Value) -> Outcome {
    row(target, tables::row_with(name, value)).await
}

async fn row(target: &Target, row: Value) -> Outcome {
    Call::json_with(target, vec![Some(json_row(Some(0), &row))], 0).await
}

async fn proto(target: &Target, record: Bytes) -> Outcome {
    match Call::proto(target, &target.table.descriptor()).await {
        Ok(mut call) => {
            call.send(proto_row(0, record)).await;
            call.finish(0).await
        }
        Err(outcome) => outcome,
    }
}
