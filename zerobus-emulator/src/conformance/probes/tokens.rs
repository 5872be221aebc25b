//! The token endpoint.

use serde_json::json;

use super::{Probe, known, uncertain};
use crate::conformance::target::details;
use crate::conformance::{Outcome, Target, tables};

type Form = Vec<(&'static str, String)>;

pub(super) const PROBES: &[Probe] = &[
    known("token-basic", "client credentials by HTTP Basic", "taken", |target| {
        Box::pin(async { granted(target.ask_token(target.token_form(&target.rows())).await) })
    }),
    uncertain("token-form", "client credentials in the form", "taken", |target| {
        Box::pin(async { granted(target.ask_token_by_form(target.token_form(&target.rows())).await) })
    }),
    known("token-wrong-secret", "a wrong secret is refused", "HTTP 401 invalid_client", |target| {
        Box::pin(async {
            let form = target.token_form(&target.rows());
            granted(target.ask_token_as(target.client_id(), "wrong", form).await)
        })
    }),
    uncertain(
        "token-grant-type",
        "the grant type is client_credentials",
        "HTTP 400 unsupported_grant_type",
        |target| Box::pin(async { with(target, "grant_type", "password").await }),
    ),
    uncertain("token-scope", "the scope is all-apis", "HTTP 400 invalid_scope", |target| {
        Box::pin(async { with(target, "scope", "none").await })
    }),
    uncertain("token-resource", "the resource is the workspace's write API", "HTTP 400 invalid_target", |target| {
        Box::pin(async { with(target, "resource", "api://databricks").await })
    }),
    known(
        "token-missing-table",
        "a table that is missing or not granted",
        "HTTP 400 invalid_authorization_details",
        |target| Box::pin(async { granted(target.ask_token(target.token_form(&target.name(tables::MISSING))).await) }),
    ),
    uncertain("token-operations-absent", "`operations` may be absent", "taken", |target| {
        Box::pin(async {
            let mut details = details(&target.rows());
            details[2].as_object_mut().map(|table| table.remove("operations"));
            with(target, "authorization_details", &details.to_string()).await
        })
    }),
    uncertain(
        "token-privileges",
        "SELECT and MODIFY are asked for",
        "HTTP 400 invalid_authorization_details",
        |target| {
            Box::pin(async {
                let mut details = details(&target.rows());
                details[2]["privileges"] = json!(["SELECT"]);
                with(target, "authorization_details", &details.to_string()).await
            })
        },
    ),
    uncertain(
        "token-other-schema",
        "the schema that is named is the table's",
        "HTTP 400 invalid_authorization_details",
        |target| {
            Box::pin(async {
                let mut details = details(&target.rows());
                details[1]["object_full_path"] = json!("other.schema");
                with(target, "authorization_details", &details.to_string()).await
            })
        },
    ),
    uncertain(
        "token-details-no-json",
        "`authorization_details` is a JSON array",
        "HTTP 400 invalid_authorization_details",
        |target| Box::pin(async { with(target, "authorization_details", "{").await }),
    ),
];

async fn with(target: &Target, field: &'static str, value: &str) -> Outcome {
    let mut form: Form = target.token_form(&target.rows());
    form.retain(|(name, _)| *name != field);
    form.push((field, value.to_owned()));
    granted(target.ask_token(form).await)
}

fn granted(answer: Result<(u16, String), String>) -> Outcome {
    match answer {
        Ok((200, _)) => Outcome::Taken,
        Ok((status, body)) => Outcome::http(status, &body),
        Err(error) => Outcome::Failed(error),
    }
}
