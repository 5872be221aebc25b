//! Requests, offsets, acknowledgements and the end of a stream.

use bytes::Bytes;
use zerobus_runtime::wire::RecordType;
use zerobus_runtime::wire::ephemeral_stream_response::Payload as Answer;

use super::{Probe, known, settle, uncertain};
use crate::conformance::call::{Call, create, json_row, json_rows, proto_row};
use crate::conformance::{Outcome, Target, tables};

/// The most bytes of records in one request.
const LIMIT: usize = 10 << 20;

pub(super) const PROBES: &[Probe] = &[
    known("stream-id", "the first answer has a stream id", "taken", |target| Box::pin(stream_id(target))),
    uncertain("request-create-twice", "create_stream comes once", "INVALID_ARGUMENT 4001*", |target| {
        Box::pin(async {
            let again = create(&target.rows(), Some(RecordType::Json), None);
            Call::json_with(target, vec![Some(again)], -1).await
        })
    }),
    uncertain("request-empty", "a request has a payload", "INVALID_ARGUMENT 4001*", |target| {
        Box::pin(Call::json_with(target, vec![None], -1))
    }),
    uncertain(
        "request-other-encoding",
        "records are of the encoding that the stream was opened for",
        "INVALID_ARGUMENT 4001*",
        |target| Box::pin(Call::json_with(target, vec![Some(proto_row(0, Bytes::from_static(b"\x08\x01")))], 0)),
    ),
    known("offset-start", "offsets begin at 0", "INVALID_ARGUMENT 4002/0", |target| Box::pin(offsets(target, &[1]))),
    known("offset-gap", "offsets have no gap", "INVALID_ARGUMENT 4002/0", |target| Box::pin(offsets(target, &[0, 2]))),
    known("offset-repeat", "an offset comes once", "INVALID_ARGUMENT 4002/0", |target| {
        Box::pin(offsets(target, &[0, 0]))
    }),
    uncertain("offset-absent", "a request has an offset", "INVALID_ARGUMENT 4001*", |target| {
        Box::pin(Call::json_with(target, vec![Some(json_row(None, &tables::good_row(1)))], 0))
    }),
    known("acks", "acknowledgements are cumulative, never fall and reach the last request", "taken", |target| {
        Box::pin(acks(target))
    }),
    uncertain("request-no-records", "a request of no records is taken and acknowledged", "taken", |target| {
        Box::pin(batch(target, Vec::new()))
    }),
    uncertain("request-too-large", "the records of a request are at most 10 MiB", "INVALID_ARGUMENT 4045*", |target| {
        Box::pin(async {
            let row = tables::row_with("name", "x".repeat(LIMIT / 2).into()).to_string();
            batch(target, vec![row; 3]).await
        })
    }),
    uncertain("request-too-many", "a request has at most 100,000 records", "INVALID_ARGUMENT 4045*", |target| {
        Box::pin(batch(target, vec!["{\"id\":1}".to_owned(); 100_001]))
    }),
];

async fn stream_id(target: &Target) -> Outcome {
    let opened = async {
        let table = target.rows();
        let mut call = Call::start(target, &table).await?;
        call.send(create(&table, Some(RecordType::Json), None)).await;
        let id = call.opened().await?;
        Ok(if id.is_empty() { Outcome::Failed("the id is empty".to_owned()) } else { call.finish(-1).await })
    };
    settle(opened.await)
}

async fn offsets(target: &Target, offsets: &[i64]) -> Outcome {
    let requests = offsets.iter().map(|offset| Some(json_row(Some(*offset), &tables::good_row(1)))).collect();
    Call::json_with(target, requests, offsets.last().copied().unwrap_or(-1)).await
}

async fn batch(target: &Target, rows: Vec<String>) -> Outcome {
    Call::json_with(target, vec![Some(json_rows(0, rows))], 0).await
}

/// How many requests the probe of acknowledgements sends.
const REQUESTS: i64 = 20;

async fn acks(target: &Target) -> Outcome {
    let acknowledged = async {
        let mut call = Call::json(target).await?;
        for offset in 0..REQUESTS {
            call.send(json_rows(offset, vec![tables::good_row(offset).to_string(); 3])).await;
        }
        let mut last = -1;
        while last < REQUESTS - 1 {
            last = match call.next().await? {
                Some(Answer::IngestRecordResponse(ack)) if ack.durability_ack_up_to_offset() >= last => {
                    ack.durability_ack_up_to_offset()
                }
                other => return Err(Outcome::Failed(format!("{other:?} after an acknowledgement of {last}"))),
            };
        }
        // All is acknowledged, so nothing more comes but the end.
        Ok(call.finish(-1).await)
    };
    settle(acknowledged.await)
}
