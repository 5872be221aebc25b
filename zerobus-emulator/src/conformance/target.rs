//! The endpoint, the credentials, and the tables that the probes write to.

use std::collections::HashMap;
use std::env;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use ureq::Agent;
use zerobus_codegen::Table;

use super::target_error::TargetError;
use super::{Outcome, tables};
use crate::Emulator;

/// The settings from the environment.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) endpoint: String,
    pub(super) workspace: String,
    pub(super) workspace_id: Option<String>,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) schema: String,
}

/// An endpoint and its credentials.
pub(crate) struct Target {
    settings: Settings,
    pub(super) table: Table,
    agent: Agent,
    tokens: Mutex<HashMap<String, String>>,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("endpoint", &self.settings.endpoint).finish_non_exhaustive()
    }
}

impl Target {
    /// The endpoint that the environment names, by the variables of every Zerobus client.
    ///
    /// # Errors
    /// If a variable is missing, or is not an address.
    pub(crate) fn from_env(schema: String) -> Result<Self, TargetError> {
        let read =
            |name: &str| env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let required = |name: &'static str| read(name).ok_or(TargetError::Missing(name));
        Self::new(Settings {
            endpoint: required("ZEROBUS_SERVER_ENDPOINT")?,
            workspace: read("DATABRICKS_WORKSPACE_URL").map_or_else(|| required("DATABRICKS_HOST"), Ok)?,
            workspace_id: read("DATABRICKS_WORKSPACE_ID"),
            client_id: required("DATABRICKS_CLIENT_ID")?,
            client_secret: required("DATABRICKS_CLIENT_SECRET")?,
            schema,
        })
    }

    /// An emulator of this process.
    pub(crate) fn of_emulator(emulator: &Emulator, schema: &str) -> Result<Self, TargetError> {
        Self::new(Settings {
            endpoint: emulator.url().to_owned(),
            workspace: emulator.url().to_owned(),
            workspace_id: None,
            client_id: emulator.client_id().to_owned(),
            client_secret: emulator.client_secret().to_owned(),
            schema: schema.to_owned(),
        })
    }

    pub(super) fn new(mut settings: Settings) -> Result<Self, TargetError> {
        for address in [&mut settings.endpoint, &mut settings.workspace] {
            let with_scheme = if address.contains("://") { address.clone() } else { format!("https://{address}") };
            with_scheme.trim_end_matches('/').clone_into(address);
        }
        let table = tables::rows_table(&settings.schema)?;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(30)));
        Ok(Self { settings, table, agent: config.build().into(), tokens: Mutex::default() })
    }

    /// The full name of one of the tables.
    pub(super) fn name(&self, table: &str) -> String {
        format!("{}.{table}", self.settings.schema)
    }

    /// The full name of the table that takes rows.
    pub(super) fn rows(&self) -> String {
        self.name(tables::ROWS)
    }

    pub(super) async fn channel(&self) -> Result<Channel, String> {
        let url = self.settings.endpoint.clone();
        let is_https = url.starts_with("https://");
        let mut endpoint = Endpoint::from_shared(url).map_err(|error| error.to_string())?;
        if is_https {
            let tls = ClientTlsConfig::new().with_native_roots();
            endpoint = endpoint.tls_config(tls).map_err(|error| error.to_string())?;
        }
        endpoint.connect_timeout(Duration::from_secs(10)).connect().await.map_err(|error| chain(&error))
    }

    /// The form that asks for a table's token, as every client sends it.
    pub(super) fn token_form(&self, table: &str) -> Vec<(&'static str, String)> {
        let first_label = self.settings.endpoint.split("://").last().unwrap_or_default().split('.').next();
        let id = self.settings.workspace_id.as_deref().or(first_label).unwrap_or_default();
        vec![
            ("grant_type", "client_credentials".to_owned()),
            ("scope", "all-apis".to_owned()),
            ("resource", format!("api://databricks/workspaces/{id}/zerobusDirectWriteApi")),
            ("authorization_details", details(table).to_string()),
        ]
    }

    /// Asks the token endpoint with Basic credentials.
    pub(super) async fn ask_token(&self, form: Vec<(&'static str, String)>) -> Result<(u16, String), String> {
        let (id, secret) = (&self.settings.client_id, &self.settings.client_secret);
        self.ask_token_as(id, secret, form).await
    }

    pub(super) async fn ask_token_as(
        &self,
        id: &str,
        secret: &str,
        form: Vec<(&'static str, String)>,
    ) -> Result<(u16, String), String> {
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
        let url = format!("{}/oidc/v1/token", self.settings.workspace);
        self.http(move |agent| agent.post(&url).header("authorization", format!("Basic {basic}")).send_form(form)).await
    }

    /// Asks the token endpoint with the credentials in the form.
    pub(super) async fn ask_token_by_form(
        &self,
        mut form: Vec<(&'static str, String)>,
    ) -> Result<(u16, String), String> {
        form.push(("client_id", self.settings.client_id.clone()));
        form.push(("client_secret", self.settings.client_secret.clone()));
        let url = format!("{}/oidc/v1/token", self.settings.workspace);
        self.http(move |agent| agent.post(&url).send_form(form)).await
    }

    pub(super) fn client_id(&self) -> &str {
        &self.settings.client_id
    }

    /// The token of a table's streams, requested once.
    pub(super) async fn table_token(&self, table: &str) -> Result<String, Outcome> {
        self.token(table, self.token_form(table)).await
    }

    /// The token of the REST API.
    pub(super) async fn api_token(&self) -> Result<String, Outcome> {
        let form = vec![("grant_type", "client_credentials".to_owned()), ("scope", "all-apis".to_owned())];
        self.token("", form).await
    }

    async fn token(&self, key: &str, form: Vec<(&'static str, String)>) -> Result<String, Outcome> {
        let mut tokens = self.tokens.lock().await;
        if let Some(token) = tokens.get(key) {
            return Ok(token.clone());
        }
        let (status, body) = self.ask_token(form).await.map_err(Outcome::Failed)?;
        let answer: Value = serde_json::from_str(&body).unwrap_or_default();
        let Some(token) = answer["access_token"].as_str() else { return Err(Outcome::http(status, &body)) };
        tokens.insert(key.to_owned(), token.to_owned());
        Ok(token.to_owned())
    }

    /// `GET` of the tables API.
    pub(super) async fn get(&self, token: Option<&str>, path: &str) -> Result<(u16, String), String> {
        let url = format!("{}/api/2.1/unity-catalog/{path}", self.settings.workspace);
        let bearer = token.map(|token| format!("Bearer {token}"));
        self.http(move |agent| {
            let request = agent.get(&url);
            bearer.iter().fold(request, |request, bearer| request.header("authorization", bearer)).call()
        })
        .await
    }

    /// `POST` of rows.
    pub(super) async fn insert(&self, token: &str, table: &str, body: String) -> Result<(u16, String), String> {
        let url = format!("{}/zerobus/v1/tables/{table}/insert", self.settings.endpoint);
        let bearer = format!("Bearer {token}");
        self.http(move |agent| {
            agent.post(&url).header("authorization", bearer).header("content-type", "application/json").send(body)
        })
        .await
    }

    async fn http(
        &self,
        ask: impl FnOnce(&Agent) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> + Send + 'static,
    ) -> Result<(u16, String), String> {
        let agent = self.agent.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let mut response = ask(&agent).map_err(|error| error.to_string())?;
            let status = response.status().as_u16();
            response.body_mut().read_to_string().map(|body| (status, body)).map_err(|error| error.to_string())
        });
        asked.await.map_err(|error| error.to_string())?
    }

    /// What a report must not contain: the secret, and names of the workspace.
    pub(super) async fn hidden(&self) -> Vec<(String, &'static str)> {
        let host = |url: &str| url.split("://").last().unwrap_or_default().to_owned();
        let tokens = self.tokens.lock().await;
        let mut hidden: Vec<(String, &'static str)> = tokens.values().map(|token| (token.clone(), "<token>")).collect();
        hidden.push((self.settings.client_secret.clone(), "<secret>"));
        hidden.push((self.settings.client_id.clone(), "<client id>"));
        hidden.push((host(&self.settings.endpoint), "<endpoint>"));
        hidden.push((host(&self.settings.workspace), "<workspace>"));
        hidden.extend(self.settings.workspace_id.iter().map(|id| (id.clone(), "<workspace id>")));
        hidden.retain(|(text, _)| !text.is_empty());
        hidden
    }
}

/// The authorization details of a table's token.
pub(super) fn details(table: &str) -> Value {
    let parts: Vec<&str> = table.split('.').collect();
    let (catalog, schema) = (parts.first().copied().unwrap_or_default(), parts.get(1).copied().unwrap_or_default());
    let privilege = |privileges: &[&str], object_type: &str, path: &str| {
        json!({
            "type": "unity_catalog_privileges", "privileges": privileges, "object_type": object_type,
            "object_full_path": path,
        })
    };
    let mut on_table = privilege(&["SELECT", "MODIFY"], "TABLE", table);
    on_table["operations"] = json!(["zerobuswrite"]);
    json!([
        privilege(&["USE CATALOG"], "CATALOG", catalog),
        privilege(&["USE SCHEMA"], "SCHEMA", &format!("{catalog}.{schema}")),
        on_table,
    ])
}

fn chain(error: &dyn std::error::Error) -> String {
    crate::error_chain::ErrorChain(error).to_string()
}
