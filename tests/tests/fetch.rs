//! The catalog client of zerobus-codegen against the emulator's catalog: the generators accept the fetched tables.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::path::{Path, PathBuf};

use zerobus_codegen::{Catalog, Credentials, Login, Secret, Table, TableInfo, TableName};
use zerobus_emulator::Emulator;

fn schemas() -> PathBuf {
    Path::new(env!("OUT_DIR")).join("schemas")
}

/// The catalog client blocks, so it runs on its own thread.
async fn fetch(emulator: &Emulator, secret: &str, table: &'static str) -> Result<TableInfo, String> {
    let (url, id, secret) = (emulator.url().to_owned(), emulator.client_id().to_owned(), Secret::new(secret));
    let fetched = tokio::task::spawn_blocking(move || {
        let credentials = Credentials::OAuth { client_id: id, client_secret: secret };
        let catalog = Catalog::connect(Login::new(&url, credentials)?)?;
        catalog.table(&table.parse::<TableName>().unwrap())
    });
    fetched.await.unwrap().map_err(|error| {
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        format!("{error} {source}")
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetched_table_is_the_one_that_is_served() {
    let emulator = Emulator::builder().schemas(schemas()).start().await.unwrap();
    let fetched = fetch(&emulator, emulator.client_secret(), "main.sales.orders").await.unwrap();
    let served = std::fs::read_to_string(schemas().join("main.sales.orders.json")).unwrap();
    let served: TableInfo = serde_json::from_str(&served).unwrap();
    let (fetched, served) = (Table::try_from(&fetched).unwrap(), Table::try_from(&served).unwrap());
    assert_eq!(fetched.descriptor(), served.descriptor());
    assert_eq!(fetched, served);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_fetch_names_the_table_and_shows_no_secret() {
    let emulator = Emulator::builder().schemas(schemas()).start().await.unwrap();
    let missing = fetch(&emulator, emulator.client_secret(), "main.geo.volcanoes").await.unwrap_err();
    assert!(missing.contains("main.geo.volcanoes"), "{missing}");
    let wrong = fetch(&emulator, "not-the-secret", "main.sales.orders").await.unwrap_err();
    assert!(wrong.contains("DATABRICKS_CLIENT_SECRET") && !wrong.contains("not-the-secret"), "{wrong}");
}
