//! Rows over plain HTTP, and the tables API.

use serde_json::{Value, json};

use super::{Probe, known, uncertain};
use crate::conformance::{Outcome, Target, tables};

pub(super) const PROBES: &[Probe] = &[
    known("rest-insert", "an array of records is inserted", "HTTP 200", |target| {
        Box::pin(async { insert(target, json!([tables::good_row(1), tables::good_row(2)]).to_string()).await })
    }),
    known("rest-no-array", "the body is an array", "HTTP 400 INVALID_PARAMETER_VALUE", |target| {
        Box::pin(async { insert(target, "{}".to_owned()).await })
    }),
    known("rest-bad-record", "a record that does not decode", "HTTP 400 INVALID_PARAMETER_VALUE", |target| {
        Box::pin(async { insert(target, json!([{ "no_such_column": 1 }]).to_string()).await })
    }),
    known("rest-made-up-token", "a token that the workspace did not give", "HTTP 401 UNAUTHENTICATED", |target| {
        Box::pin(async { http(target.insert("made-up", &target.rows(), "[]".to_owned()).await) })
    }),
    known("rest-token-of-another-table", "a token of another table", "HTTP 403 PERMISSION_DENIED", |target| {
        Box::pin(async {
            match target.table_token(&target.name(tables::GENERATED)).await {
                Ok(token) => http(target.insert(&token, &target.rows(), "[]".to_owned()).await),
                Err(outcome) => outcome,
            }
        })
    }),
    known("table", "the tables API describes a table", "taken", |target| Box::pin(table(target))),
    known("table-missing", "a table that does not exist", "HTTP 404 TABLE_DOES_NOT_EXIST", |target| {
        Box::pin(async { get(target, &format!("tables/{}", target.name("zerobus_no_such_table"))).await })
    }),
    known("table-no-token", "the tables API needs a token", "HTTP 401 UNAUTHENTICATED", |target| {
        Box::pin(async { http(target.get(None, &format!("tables/{}", target.rows())).await) })
    }),
    uncertain("tables-parameter", "a list names its catalog", "HTTP 400 INVALID_PARAMETER_VALUE", |target| {
        Box::pin(async { get(target, "tables").await })
    }),
];

async fn insert(target: &Target, body: String) -> Outcome {
    match target.table_token(&target.rows()).await {
        Ok(token) => http(target.insert(&token, &target.rows(), body).await),
        Err(outcome) => outcome,
    }
}

async fn get(target: &Target, path: &str) -> Outcome {
    match target.api_token().await {
        Ok(token) => http(target.get(Some(&token), path).await),
        Err(outcome) => outcome,
    }
}

/// Whether the columns of the API are those that the table was made with.
async fn table(target: &Target) -> Outcome {
    let token = match target.api_token().await {
        Ok(token) => token,
        Err(outcome) => return outcome,
    };
    let answer = target.get(Some(&token), &format!("tables/{}", target.rows())).await;
    let Ok((200, body)) = &answer else { return http(answer) };
    let json: Value = serde_json::from_str(body).unwrap_or_default();
    let names: Vec<&str> =
        json["columns"].as_array().into_iter().flatten().filter_map(|c| c["name"].as_str()).collect();
    let expected: Vec<&str> = target.table.columns().iter().map(|column| column.name.as_str()).collect();
    if names == expected { Outcome::Taken } else { Outcome::Failed(format!("the columns are {names:?}")) }
}

fn http(answer: Result<(u16, String), String>) -> Outcome {
    match answer {
        Ok((status, body)) => Outcome::http(status, &body),
        Err(error) => Outcome::Failed(error),
    }
}
