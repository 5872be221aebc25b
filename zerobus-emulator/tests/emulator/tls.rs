//! HTTPS and HTTP on one port, by a certificate that clients can trust.

use crate::support::tables;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};
use zerobus_emulator::{Emulator, StartError, TlsError};

#[tokio::test]
async fn grpc_and_rest_answer_over_tls_and_plain_http_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::builder().schemas(tables()).tls(folder.path()).start().await.unwrap();
    assert!(emulator.url().starts_with("https://127.0.0.1:"));
    let authority = std::fs::read(folder.path().join("ca.pem")).unwrap();
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&authority));
    let endpoint = Endpoint::from_shared(emulator.url().to_owned()).unwrap();
    endpoint.clone().tls_config(tls).unwrap().connect().await.unwrap();
    let untrusting = endpoint.tls_config(ClientTlsConfig::new()).unwrap();
    assert!(untrusting.connect().await.is_err(), "a client that does not know the authority must refuse");
    let secure = format!("{}/.well-known/databricks-config", emulator.url());
    let (config, _) = over_tls(&secure, &authority).await;
    assert!(config.contains(&format!("{}/oidc", emulator.url())), "{config}");
    let plain = secure.replace("https://", "http://");
    let (status, _) = crate::support::http(move |agent| agent.get(&plain).call()).await;
    assert_eq!(status, 200);
}

async fn over_tls(url: &str, authority: &[u8]) -> (String, u16) {
    let root = ureq::tls::Certificate::from_pem(authority).unwrap().to_owned();
    let tls = ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::new_with_certs(&[root])).build();
    let agent = ureq::Agent::new_with_config(ureq::config::Config::builder().tls_config(tls).build());
    let url = url.to_owned();
    tokio::task::spawn_blocking(move || {
        let mut answer = agent.get(&url).call().unwrap();
        (answer.body_mut().read_to_string().unwrap(), answer.status().as_u16())
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn the_certificates_survive_a_restart_and_broken_ones_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let start = || Emulator::builder().tls(folder.path()).start();
    start().await.unwrap().shutdown().await;
    let first = std::fs::read(folder.path().join("ca.pem")).unwrap();
    start().await.unwrap().shutdown().await;
    assert_eq!(std::fs::read(folder.path().join("ca.pem")).unwrap(), first);
    std::fs::write(folder.path().join("server.pem"), "no pem").unwrap();
    assert!(matches!(start().await.unwrap_err(), StartError::Tls(TlsError::Pem { .. })));
}
