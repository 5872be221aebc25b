//! Principals and grants: who gets a token, and whose stream opens.

use std::path::Path;

use crate::support::{Call, Credentials, ask_token, details, tables};
use tonic::{Code, Status};
use zerobus_emulator::{Emulator, StartError};
use zerobus_runtime::wire::RecordType;

const ORDERS: &str = "main.sales.orders";
const QUAKES: &str = "main.geo.earthquakes";
const USE: &str = "GRANT USE CATALOG ON CATALOG main TO app; GRANT USE SCHEMA ON SCHEMA main.sales TO app;";

async fn start(folder: &Path, grants: &str) -> Result<Emulator, StartError> {
    let file = folder.join("grants.sql");
    std::fs::write(&file, grants).unwrap();
    Emulator::builder().schemas(tables()).principal("app", "app-secret").grants(file).start().await
}

fn app(emulator: &Emulator) -> Credentials {
    let mut credentials = Credentials::from(emulator);
    (credentials.client_id, credentials.client_secret) = ("app".to_owned(), "app-secret".to_owned());
    credentials
}

async fn token_status(credentials: &Credentials, table: &str) -> (u16, String) {
    let form = vec![
        ("grant_type", "client_credentials".to_owned()),
        ("scope", "all-apis".to_owned()),
        ("client_id", credentials.client_id.clone()),
        ("client_secret", credentials.client_secret.clone()),
        ("resource", "api://databricks/workspaces/127/zerobusDirectWriteApi".to_owned()),
        ("authorization_details", details(table)),
    ];
    let (status, body) = ask_token(credentials, form).await;
    (status, body["error"].as_str().unwrap_or_default().to_owned())
}

async fn open(credentials: &Credentials) -> Result<(), Status> {
    Call::open(credentials, ORDERS, RecordType::Json, None).await.map(drop)
}

#[tokio::test]
async fn a_principal_may_do_what_is_granted_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let emulator =
        start(folder.path(), &format!("{USE} GRANT SELECT, MODIFY ON TABLE {ORDERS} TO app;")).await.unwrap();
    let app = app(&emulator);
    open(&app).await.unwrap();
    assert_eq!(token_status(&app, QUAKES).await, (400, "invalid_authorization_details".to_owned()));
    // The principal of the environment has no grants here.
    let other = Credentials::from(&emulator);
    assert_eq!(token_status(&other, ORDERS).await, (400, "invalid_authorization_details".to_owned()));
    let mut wrong = app.clone();
    wrong.client_secret = emulator.client_secret().to_owned();
    assert_eq!(token_status(&wrong, ORDERS).await, (401, "invalid_client".to_owned()));
}

#[tokio::test]
async fn grants_that_are_not_on_the_table_by_name_open_no_stream() {
    for (grant, text) in [
        ("GRANT ALL PRIVILEGES ON TABLE main.sales.orders TO app", "Error Code: 4024"),
        ("GRANT SELECT, MODIFY ON SCHEMA main.sales TO app", "Error Code: 4024"),
        ("GRANT SELECT, MODIFY ON CATALOG main TO app", "Error Code: 4024"),
        (
            "GRANT MODIFY ON TABLE main.sales.orders TO app",
            "SELECT on table main.sales.orders is not granted explicitly",
        ),
        ("GRANT SELECT ON TABLE main.sales.orders TO app", "Error Code: 3"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let emulator = start(folder.path(), &format!("{USE}\n{grant}")).await.unwrap();
        let status = open(&app(&emulator)).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{grant}");
        assert!(status.message().contains(text), "{grant}: {}", status.message());
    }
}

#[tokio::test]
async fn a_file_that_is_not_of_grants_is_an_error_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let error = start(folder.path(), "-- who\nGRANT SELECT ON orders TO app;").await.unwrap_err();
    assert!(error.to_string().contains("grants.sql, line 2: "), "{error}");
    let missing = Emulator::builder().grants("/no/such/file").start().await.unwrap_err();
    assert!(missing.to_string().contains("/no/such/file cannot be read"), "{missing}");
}

#[tokio::test]
async fn a_principal_without_workspace_access_opens_no_stream_and_inserts_nothing() {
    let builder = Emulator::builder().schemas(tables()).principal("app", "app-secret");
    let emulator = builder.without_workspace_access("app").start().await.unwrap();
    let app = app(&emulator);
    let refused = open(&app).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(refused.message().contains("app does not have the entitlement Workspace access"), "{}", refused.message());
    assert!(refused.message().ends_with("Error Code: 3, Error State: 0."), "{}", refused.message());
    let bearer = format!("Bearer {}", crate::support::token(&app, Some(ORDERS)).await);
    let url = format!("{}/zerobus/v1/tables/{ORDERS}/insert", emulator.url());
    let insert = crate::support::http(move |agent| agent.post(&url).header("authorization", &bearer).send("[]"));
    assert_eq!(insert.await.0, 403);
    open(&Credentials::from(&emulator)).await.unwrap();
}
