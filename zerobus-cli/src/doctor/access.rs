//! Access: the tokens, and the checks that need one: entitlement, table, grants and stream.

use zerobus_codegen::{Catalog, CatalogError, RetryPolicy, TableInfo, TableName, ddl};
use zerobus_runtime::{CloseError, Error, ErrorKind, ServerCode};

use super::finding::{Findings, Layer};
use super::setup::Setup;
use super::{entitlement, grants, table};
use crate::arguments::Doctor;

pub(super) async fn examine(setup: &Setup, arguments: &Doctor, findings: &mut Findings) {
    let Some(catalog) = workspace_token(setup, findings).await else { return };
    let Some(catalog) = entitlement::examine(catalog, setup, findings).await else { return };
    let Some(name) = &arguments.table else { return };
    let Some((catalog, info)) = described(catalog, name.clone(), setup, findings).await else { return };
    table::examine(&info, &arguments.schemas, findings);
    let statements = grants::examine(catalog, name, setup, findings).await;
    let has_token = table_token(setup, name, &statements, findings).await;
    if arguments.open && has_token {
        stream(setup, name, &statements, findings).await;
    }
}

/// A short deadline, because a person is waiting.
fn retry_policy() -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    policy.deadline = std::time::Duration::from_secs(15);
    policy
}

async fn workspace_token(setup: &Setup, findings: &mut Findings) -> Option<Catalog> {
    let login = setup.login.clone();
    let connected = tokio::task::spawn_blocking(move || Catalog::connect_with(login, retry_policy())).await.ok()?;
    match connected {
        Ok(catalog) => {
            findings.fine(Layer::WorkspaceToken, format!("the workspace knows {}", setup.client_id()));
            Some(catalog)
        }
        Err(error) => {
            let command = match error {
                CatalogError::Denied { .. } => {
                    "export DATABRICKS_CLIENT_ID=<application id> DATABRICKS_CLIENT_SECRET=<a new OAuth secret>"
                        .to_owned()
                }
                _ => format!("curl -i {}/oidc/v1/token", setup.login.host),
            };
            findings.failed(Layer::WorkspaceToken, error.to_string(), command);
            None
        }
    }
}

async fn described(
    catalog: Catalog,
    name: TableName,
    setup: &Setup,
    findings: &mut Findings,
) -> Option<(Catalog, TableInfo)> {
    let asked = name.clone();
    let asking = tokio::task::spawn_blocking(move || (catalog.table(&asked), catalog));
    let (answer, catalog) = asking.await.ok()?;
    match answer {
        Ok(info) => {
            let kind = info.table_type.as_deref().unwrap_or("table of an unknown kind");
            findings.fine(Layer::Table, format!("{name} is there: {kind}, {} columns", info.columns.len()));
            Some((catalog, info))
        }
        Err(error) => {
            let command = match error {
                CatalogError::NotFound { .. } | CatalogError::Denied { .. } => ddl::grants_on(&name, setup.client_id()),
                _ => format!("curl -i {}/api/2.1/unity-catalog/tables/{name}", setup.login.host),
            };
            findings.failed(Layer::Table, error.to_string(), command);
            None
        }
    }
}

async fn table_token(setup: &Setup, name: &TableName, statements: &str, findings: &mut Findings) -> bool {
    match setup.client.authorize(name.to_string()).await {
        Ok(()) => {
            findings.fine(Layer::TableToken, format!("{} may write to {name}", setup.client_id()));
            true
        }
        Err(error) if error.kind() == ErrorKind::Credentials => {
            findings.failed(Layer::TableToken, error.to_string(), statements);
            false
        }
        Err(error) => {
            findings.failed(
                Layer::TableToken,
                error.to_string(),
                format!("curl -i {}/oidc/v1/token", setup.login.host),
            );
            false
        }
    }
}

/// Opens a stream, and closes it without sending a row.
async fn stream(setup: &Setup, name: &TableName, statements: &str, findings: &mut Findings) {
    match opened(setup, name).await {
        Ok(stream_id) => findings.fine(Layer::Stream, format!("opened and closed, stream {stream_id}")),
        Err(error) => {
            let command = match error.kind() {
                ErrorKind::Credentials => statements.to_owned(),
                _ if error.code().is_some_and(|code| code.code() == ServerCode::UNSUPPORTED_TABLE) => {
                    statements.to_owned()
                }
                _ => format!("zerobus doctor {name} --open --json"),
            };
            findings.failed(Layer::Stream, error.to_string(), command);
        }
    }
}

async fn opened(setup: &Setup, name: &TableName) -> Result<String, Error> {
    let stream = setup.client.json_stream(name.to_string()).max_first_attempts(2).open().await?;
    let report = stream.close().await.map_err(CloseError::into_reason)?;
    Ok(report.stats.stream_id.as_deref().unwrap_or("without an id").to_owned())
}
