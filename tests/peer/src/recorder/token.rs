//! The token endpoint of a recorder: records requests, and returns `token-1`, `token-2`, and so on.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use super::tap::Tap;
use super::{Shared, TokenRequest};
use crate::Failure;

/// Serves one connection.
pub(super) async fn serve(tap: Tap, shared: Arc<Shared>) -> Result<(), Failure> {
    let service = service_fn(|request| answer(request, Arc::clone(&shared)));
    Ok(http1::Builder::new().serve_connection(TokioIo::new(tap), service).await?)
}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    // A client that disappears during its body has sent nothing that could be compared.
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let number = {
        let mut recording = shared.recording();
        recording.tokens.push(TokenRequest {
            method: head.method.to_string(),
            path: head.uri.to_string(),
            headers: headers(&head.headers),
            form: form(&body),
        });
        recording.tokens.len()
    };
    let answer = json!({ "access_token": format!("token-{number}"), "token_type": "Bearer", "expires_in": 3600 });
    let mut response = Response::new(Full::new(Bytes::from(answer.to_string())));
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    Ok(response)
}

fn headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let text = |name: &http::HeaderName, value: &http::HeaderValue| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        match name.as_str() {
            "authorization" => value.split(' ').next().unwrap_or_default().to_owned(),
            _ => value,
        }
    };
    headers.iter().map(|(name, value)| (name.to_string(), text(name, value))).collect()
}

fn form(body: &[u8]) -> BTreeMap<String, Value> {
    let fields = url::form_urlencoded::parse(body).map(|(name, value)| {
        let parsed = if name == "authorization_details" { serde_json::from_str(&value).ok() } else { None };
        (name.into_owned(), parsed.unwrap_or_else(|| Value::String(value.into_owned())))
    });
    fields.collect()
}
