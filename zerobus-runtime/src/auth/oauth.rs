//! A token for one table, from the workspace's token endpoint.
//!
//! ureq blocks, so the request runs on tokio's blocking threads; a token is requested about once an hour.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use ureq::tls::TlsConfig;
use ureq::{Agent, Proxy};
use zerobus_codegen::TableName;
use zeroize::Zeroizing;

use super::proof::Form;
use super::{Proof, Token, TokenFuture, TokenProvider};
use crate::error::{Error, Fault, Refusal};

const DEFAULT_LIFETIME: Duration = Duration::from_secs(3600);

/// Client credentials at a workspace's token endpoint.
#[derive(Debug, Clone)]
pub(crate) struct OAuth(Arc<Identity>);

#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) token_url: String,
    pub(crate) workspace_id: String,
    pub(crate) proof: Proof,
    pub(crate) agent: Agent,
}

#[derive(Deserialize)]
struct Granted {
    access_token: Zeroizing<String>,
    expires_in: Option<Seconds>,
}

/// `expires_in`: some token endpoints quote the number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(u64),
    Text(String),
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Refused {
    error: String,
    error_description: String,
    error_code: String,
    message: String,
}

impl OAuth {
    pub(crate) fn new(identity: Identity) -> Self {
        Self(Arc::new(identity))
    }
}

/// The agent for token endpoints and inserts. It refuses redirects, which would send a secret elsewhere.
pub(crate) fn agent(user_agent: &str, timeout: Duration, tls: Option<TlsConfig>, proxy: Option<Proxy>) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(timeout))
        .user_agent(user_agent)
        .proxy(proxy);
    match tls {
        None => config.build().into(),
        Some(tls) => config.tls_config(tls).build().into(),
    }
}

impl TokenProvider for OAuth {
    fn token(&self, table: &TableName) -> TokenFuture<'_> {
        let (identity, table) = (Arc::clone(&self.0), table.clone());
        Box::pin(async move {
            let form = identity.proof.form().await.map_err(|source| identity.failed(&table, source))?;
            let asked = tokio::task::spawn_blocking(move || identity.ask(&table, form)).await;
            Ok(asked.unwrap_or_else(|_| Err(Fault::ShutDown.into()))?)
        })
    }
}

impl Identity {
    fn ask(&self, table: &TableName, mut form: Form) -> Result<Token, Error> {
        let failed = |source| self.failed(table, source);
        let resource = format!("api://databricks/workspaces/{}/zerobusDirectWriteApi", self.workspace_id);
        form.push(("scope", Zeroizing::new("all-apis".to_owned())));
        form.push(("resource", Zeroizing::new(resource)));
        form.push(("authorization_details", Zeroizing::new(authorization_details(table).to_string())));
        let mut request = self.agent.post(&self.token_url);
        if let Some(authorization) = self.proof.authorization() {
            request = request.header("authorization", authorization.as_str());
        }
        let form = form.iter().map(|(name, value)| (*name, value.as_str()));
        let mut response = request.send_form(form).map_err(|error| failed(error.into()))?;
        let status = response.status().as_u16();
        let retry_after = Refusal::retry_after(response.headers());
        let body = Zeroizing::new(response.body_mut().read_to_string().map_err(|error| failed(error.into()))?);
        if status != 200 {
            return Err(self.refused(table, status, retry_after, &body));
        }
        let granted: Granted = serde_json::from_str(&body).map_err(|error| failed(error.into()))?;
        Ok(granted.into_token())
    }

    fn failed(&self, table: &TableName, source: Box<dyn std::error::Error + Send + Sync>) -> Error {
        Fault::Token { table: table.to_string(), url: self.token_url.clone(), source }.into()
    }

    fn refused(&self, table: &TableName, http_status: u16, retry_after: Option<Duration>, body: &str) -> Error {
        let refused: Refused = serde_json::from_str(body).unwrap_or_default();
        let first = |a: String, b: String| if a.is_empty() { b } else { a };
        Fault::TokenRefused {
            table: table.to_string(),
            url: self.token_url.clone(),
            refusal: Refusal {
                http_status,
                error: first(refused.error, refused.error_code),
                description: first(refused.error_description, refused.message),
                retry_after,
            },
        }
        .into()
    }
}

impl Granted {
    fn into_token(self) -> Token {
        let seconds = match self.expires_in {
            Some(Seconds::Number(seconds)) => Some(seconds),
            Some(Seconds::Text(text)) => text.parse().ok(),
            None => None,
        };
        let lifetime = seconds.map_or(DEFAULT_LIFETIME, Duration::from_secs);
        Token::new(self.access_token.as_str(), lifetime)
    }
}

/// The requested privileges: writing into this table only.
fn authorization_details(table: &TableName) -> serde_json::Value {
    let (catalog, schema) = (table.catalog(), table.schema());
    let privilege = |privileges: &[&str], object_type: &str, path: String| {
        json!({
            "type": "unity_catalog_privileges",
            "privileges": privileges,
            "object_type": object_type,
            "object_full_path": path,
        })
    };
    let mut on_table = privilege(&["SELECT", "MODIFY"], "TABLE", table.to_string());
    on_table["operations"] = json!(["zerobuswrite"]);
    json!([
        privilege(&["USE CATALOG"], "CATALOG", catalog.to_owned()),
        privilege(&["USE SCHEMA"], "SCHEMA", format!("{catalog}.{schema}")),
        on_table,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_for_the_table_alone() {
        let details = authorization_details(&"main.geo.earthquakes".parse().unwrap());
        let expected = json!([
            {"type": "unity_catalog_privileges", "privileges": ["USE CATALOG"], "object_type": "CATALOG", "object_full_path": "main"},
            {"type": "unity_catalog_privileges", "privileges": ["USE SCHEMA"], "object_type": "SCHEMA", "object_full_path": "main.geo"},
            {"type": "unity_catalog_privileges", "privileges": ["SELECT", "MODIFY"], "object_type": "TABLE",
             "object_full_path": "main.geo.earthquakes", "operations": ["zerobuswrite"]},
        ]);
        assert_eq!(details, expected);
    }

    #[test]
    fn a_lifetime_may_be_a_number_a_text_or_missing() {
        for (body, seconds) in [
            (r#"{"access_token":"t","expires_in":60}"#, 60),
            (r#"{"access_token":"t","expires_in":"60","token_type":"Bearer"}"#, 60),
            (r#"{"access_token":"t"}"#, 3600),
        ] {
            let granted: Granted = serde_json::from_str(body).unwrap();
            assert_eq!(granted.into_token().lifetime(), Duration::from_secs(seconds), "{body}");
        }
    }
}
