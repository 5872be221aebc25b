//! The call, and the opening of a stream.

use zerobus_runtime::wire::RecordType;
use zerobus_runtime::wire::ephemeral_stream_request::Payload;

use super::{Probe, known, settle, uncertain};
use crate::conformance::call::{Call, Metadata, create, json_row, other_method};
use crate::conformance::{Outcome, Target, tables};

pub(super) const PROBES: &[Probe] = &[
    known("call-no-token", "a call without a token", "UNAUTHENTICATED 16*", |target| {
        Box::pin(async { call(target, None, Some(&target.rows())).await })
    }),
    known("call-made-up-token", "a token that the workspace did not give", "UNAUTHENTICATED 16*", |target| {
        Box::pin(async { call(target, Some("made-up"), Some(&target.rows())).await })
    }),
    known("call-token-of-the-api", "a token without a table", "PERMISSION_DENIED 3/0", |target| {
        Box::pin(async {
            match target.api_token().await {
                Ok(token) => call(target, Some(&token), Some(&target.rows())).await,
                Err(outcome) => outcome,
            }
        })
    }),
    known("call-token-of-another-table", "a token of another table", "PERMISSION_DENIED 3/0", |target| {
        Box::pin(async {
            match target.table_token(&target.name(tables::GENERATED)).await {
                Ok(token) => call(target, Some(&token), Some(&target.rows())).await,
                Err(outcome) => outcome,
            }
        })
    }),
    uncertain("call-no-table", "the metadata names the table", "INVALID_ARGUMENT 4001*", |target| {
        Box::pin(async {
            match target.table_token(&target.rows()).await {
                Ok(token) => call(target, Some(&token), None).await,
                Err(outcome) => outcome,
            }
        })
    }),
    uncertain(
        "call-other-table",
        "create_stream names the table of the metadata",
        "INVALID_ARGUMENT 4001*",
        |target| {
            Box::pin(async {
                first(target, &target.rows(), create(&target.name(tables::VIEW), Some(RecordType::Json), None)).await
            })
        },
    ),
    uncertain("call-rows-first", "the first request creates the stream", "INVALID_ARGUMENT 4001*", |target| {
        Box::pin(async {
            settle(
                async {
                    let mut call = Call::start(target, &target.rows()).await?;
                    call.send(json_row(Some(0), &tables::good_row(1))).await;
                    call.opened().await.map(|_| Outcome::Taken)
                }
                .await,
            )
        })
    }),
    known("call-json", "a stream of JSON records opens", "taken", |target| {
        Box::pin(async { first(target, &target.rows(), create(&target.rows(), Some(RecordType::Json), None)).await })
    }),
    uncertain("call-avro", "AVRO is not taken", "UNIMPLEMENTED 4003*", |target| {
        Box::pin(async { first(target, &target.rows(), create(&target.rows(), Some(RecordType::Avro), None)).await })
    }),
    uncertain("call-unspecified", "a record type of 0 is not taken", "UNIMPLEMENTED 4003*", |target| {
        Box::pin(async {
            first(target, &target.rows(), create(&target.rows(), Some(RecordType::Unspecified), None)).await
        })
    }),
    known("call-view", "a view takes no rows", "INVALID_ARGUMENT 4024/0", |target| {
        Box::pin(async {
            let view = target.name(tables::VIEW);
            first(target, &view, create(&view, Some(RecordType::Json), None)).await
        })
    }),
    known(
        "call-generated-column",
        "a table with a generated column takes no rows",
        "INVALID_ARGUMENT 1022/0",
        |target| {
            Box::pin(async {
                let table = target.name(tables::GENERATED);
                first(target, &table, create(&table, Some(RecordType::Json), None)).await
            })
        },
    ),
    known("call-other-method", "another gRPC method is not implemented", "UNIMPLEMENTED", |target| {
        Box::pin(other_method(target, "/databricks.zerobus.Zerobus/NoSuchMethod"))
    }),
];

async fn call(target: &Target, token: Option<&str>, table: Option<&str>) -> Outcome {
    settle(
        async {
            let mut call = Call::with(target, Metadata { token, table }).await?;
            call.send(create(&target.rows(), Some(RecordType::Json), None)).await;
            call.opened().await.map(|_| Outcome::Taken)
        }
        .await,
    )
}

async fn first(target: &Target, table: &str, payload: Payload) -> Outcome {
    settle(
        async {
            let mut call = Call::start(target, table).await?;
            call.send(payload).await;
            call.opened().await.map(|_| Outcome::Taken)
        }
        .await,
    )
}
