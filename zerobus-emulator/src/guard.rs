//! Who may call: programs on this machine, but not web pages in its browser.
//!
//! | request | refused if | what that stops |
//! |---|---|---|
//! | any | its `Host` is not a name of this machine | a web page whose host name resolves to 127.0.0.1 |
//! | any | its `Origin` is not the emulator itself | a page of another server |
//! | one that changes the emulator | it lacks the `x-zerobus-emulator` header | a page of another server: the header needs a preflight, which is refused |
//! | one that shows or changes the emulator | a token is set, and the request does not carry it | anyone else who can reach the port |
//!
//! Rows and schemas have tokens of their own, as in the service.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use zerobus_codegen::Printable;

use crate::app::{Access, App};
use crate::credentials::same;
use crate::tables_api::ApiError;

/// The header that a request needs to change the emulator; its value is ignored.
pub(crate) const HEADER: &str = "x-zerobus-emulator";

/// Passes a request on, or refuses it.
pub(crate) async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    if let Err(refusal) = admit(&app, &request) {
        return refusal.into_response();
    }
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn admit(app: &App, request: &Request) -> Result<(), ApiError> {
    let authority = authority(request).ok_or_else(|| refused("the request has no Host header"))?;
    if app.access == Access::Loopback && !is_loopback(authority.host()) {
        let text = format!(
            "Host {} is not a name of this machine; call 127.0.0.1 or localhost, or start the emulator with --host",
            Printable(authority.as_str())
        );
        return Err(ApiError::new(StatusCode::MISDIRECTED_REQUEST, "PERMISSION_DENIED", text));
    }
    if let Some(origin) = request.headers().get(header::ORIGIN)
        && !is_same(origin, &authority)
    {
        return Err(refused("a page of another server may not call the emulator"));
    }
    if is_control(request.uri().path()) {
        control(app, request)?;
    }
    Ok(())
}

fn control(app: &App, request: &Request) -> Result<(), ApiError> {
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    if changes && !request.headers().contains_key(HEADER) {
        let text = format!("a request that changes the emulator needs the header {HEADER}, such as `{HEADER}: 1`");
        return Err(refused(text));
    }
    let Some(token) = &app.control_token else { return Ok(()) };
    // The page contains no data; it fetches them with the token.
    if request.uri().path() == "/" || request.uri().path() == "/emulator/health" {
        return Ok(());
    }
    match bearer(request.headers()) {
        Some(given) if same(given.as_bytes(), token.as_bytes()) => Ok(()),
        _ => {
            let text = "this path needs the emulator's token: `authorization: Bearer $ZEROBUS_EMULATOR_TOKEN`";
            Err(ApiError::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", text))
        }
    }
}

fn is_control(path: &str) -> bool {
    path == "/" || path == "/emulator" || path.starts_with("/emulator/") || path == "/metrics"
}

/// HTTP/2 has the authority in its pseudo-header, HTTP/1 in `Host`.
fn authority(request: &Request) -> Option<Authority> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    request.uri().authority().cloned().or_else(|| host?.parse().ok())
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = address.parse::<IpAddr>() {
        return address.to_canonical().is_loopback();
    }
    // Names below `localhost` always resolve to this machine.
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

fn is_same(origin: &HeaderValue, authority: &Authority) -> bool {
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    origin.is_some_and(|(_, origin)| origin.eq_ignore_ascii_case(authority.as_str()))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn refused(text: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_are_served_and_others_are_not() {
        for name in
            ["127.0.0.1", "127.1.2.3", "[::1]", "[::ffff:127.0.0.1]", "localhost", "LocalHost.", "1234.localhost"]
        {
            assert!(is_loopback(name), "{name}");
        }
        for name in
            ["evil.example", "localhost.evil.example", "10.0.0.1", "0.0.0.0", "[::]", "127.0.0.1.evil.example", ""]
        {
            assert!(!is_loopback(name), "{name}");
        }
    }
}
