//! The one port: HTTP/1.1 and HTTP/2 side by side, REST and gRPC by path.

use std::time::Duration;

use axum::body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get, post, put};
use axum::{Extension, Router};
use http::{StatusCode, header};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use zerobus_codegen::Printable;
use zerobus_runtime::wire::{EPHEMERAL_STREAM, PERSISTENT_STREAM, RETIRE_STREAM};

use crate::app::{App, stopped};
use crate::connection::{self, Connection};
use crate::control::{alter, health, tables, tags};
use crate::discovery;
use crate::faults::control;
use crate::guard;
use crate::oauth;
use crate::page;
use crate::permissions_api;
use crate::rest_insert;
use crate::stream::service::Service;
use crate::tables_api::{self, ApiError};
use crate::tags_api;
use crate::unknown;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The receive window of an HTTP/2 stream: a message of the largest size fits in, so that a client never stalls.
const WINDOW_BYTES: u32 = 16 << 20;

/// The longest text of a refusal that is read.
const REFUSAL_BYTES: usize = 64 << 10;

const PING_EVERY: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// The first byte of a TLS connection: a handshake record. No HTTP request begins with it.
#[cfg(feature = "tls")]
const TLS_HANDSHAKE: u8 = 0x16;

/// Serves the port until the server stops.
pub(crate) async fn serve(app: App, listener: TcpListener) {
    let router = router(app.clone());
    let mut stopping = app.stopping.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stopping) => return,
        };
        match accepted {
            Ok((socket, _)) => {
                tokio::spawn(connection(app.clone(), router.clone(), socket));
            }
            // The process has no file descriptors left, or the client has already disconnected.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

fn router(app: App) -> Router {
    // The handler refuses large bodies with the service's text; this limit only bounds memory.
    let insert_body = DefaultBodyLimit::max(app.limits.record_bytes.saturating_mul(2));
    let rest = Router::new()
        .route("/oidc/v1/token", post(oauth::token))
        .route("/api/2.1/unity-catalog/catalogs", get(tables_api::catalogs))
        .route("/api/2.1/unity-catalog/effective-permissions/{kind}/{full_name}", get(permissions_api::effective))
        .route("/api/2.1/unity-catalog/schemas", get(tables_api::schemas))
        .route("/api/2.1/unity-catalog/tables", get(tables_api::tables))
        .route("/api/2.1/unity-catalog/tables/{full_name}", get(tables_api::table))
        .route("/api/2.1/unity-catalog/entity-tag-assignments/{kind}/{name}/tags", get(tags_api::get))
        .route(
            "/zerobus/v1/tables/{full_name}/insert",
            post(rest_insert::insert).fallback(rest_insert::other_method).layer(insert_body),
        )
        .route("/zerobus/{*rest}", any(rest_insert::no_such_path))
        .route("/.well-known/databricks-config", get(discovery::databricks_config))
        .route("/oidc/.well-known/oauth-authorization-server", get(discovery::authorization_server))
        .route("/", get(page::page))
        .route("/emulator/status", get(page::status))
        .route("/emulator/health", get(health::health))
        .route("/metrics", get(health::metrics))
        .route("/emulator/rows", delete(tables::reset_all))
        .route("/emulator/tables/{name}", get(tables::describe).put(alter::put).layer(insert_body))
        .route(
            "/emulator/tables/{name}/rows",
            get(tables::read).post(tables::seed).delete(tables::reset).layer(insert_body),
        )
        .route("/emulator/tables/{name}/columns/{column}/tags", put(tags::put))
        .route("/emulator/faults", get(control::list).post(control::arm).delete(control::disarm))
        .layer(middleware::from_fn(in_json))
        .layer(middleware::from_fn_with_state(app.clone(), in_time))
        .with_state(app.clone());
    let streams = Service::server(app.clone());
    rest.route_service(EPHEMERAL_STREAM, streams.clone())
        .route_service(PERSISTENT_STREAM, streams.clone())
        .route_service(RETIRE_STREAM, streams)
        .fallback(unknown::path)
        .layer(middleware::from_fn_with_state(app, guard::check))
        .layer(middleware::from_fn(connection::count))
}

/// Converts refusals of the router itself (a query, a body that is not text, a method) to the REST APIs' format.
async fn in_json(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let response = next.run(request).await;
    let (status, headers) = (response.status(), response.headers());
    let is_text = headers.get(header::CONTENT_TYPE).is_none_or(|found| found.as_bytes().starts_with(b"text/plain"));
    if !status.is_client_error() || !is_text {
        return response;
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let text = format!("the path does not take {method}; the header Allow names the methods that it takes");
        return ApiError::new(status, "NOT_IMPLEMENTED", text).into_response();
    }
    let text = body::to_bytes(response.into_body(), REFUSAL_BYTES).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    ApiError::new(status, "INVALID_PARAMETER_VALUE", Printable(&text).to_string()).into_response()
}

/// Limits the duration of a REST request, its body included. Streams have limits of their own.
async fn in_time(State(app): State<App>, request: Request, next: Next) -> Response {
    let grace = app.limits.request_grace;
    tokio::time::timeout(grace, next.run(request)).await.unwrap_or_else(|_| {
        let text = format!("the request took longer than {grace:?}");
        ApiError::new(StatusCode::REQUEST_TIMEOUT, "DEADLINE_EXCEEDED", text).into_response()
    })
}

/// Serves one connection until it ends, the server stops or a fault cuts it.
async fn connection(app: App, router: Router, socket: TcpStream) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "a socket keeps its delay");
    }
    let handle = Connection::new(socket.peer_addr().ok());
    let router = router.layer(Extension(handle.clone()));
    tokio::select! {
        served = accept(&app, router, socket) => {
            if let Err(error) = served {
                tracing::debug!(error, "a connection ended in an error");
            }
        }
        () = handle.is_cut() => {}
        () = handle.is_idle(&app.limits) => tracing::debug!("a connection without requests is closed"),
    }
}

#[cfg(feature = "tls")]
async fn accept(app: &App, router: Router, socket: TcpStream) -> Result<(), BoxError> {
    let mut stopping = app.stopping.clone();
    let Some(tls) = &app.tls else { return http(app, router, socket).await };
    let mut first = [0];
    let read = tokio::select! {
        read = socket.peek(&mut first) => read?,
        () = stopped(&mut stopping) => return Ok(()),
    };
    if read == 1 && first[0] == TLS_HANDSHAKE {
        let socket = tls.accept(socket).await?;
        return http(app, router, socket).await;
    }
    http(app, router, socket).await
}

#[cfg(not(feature = "tls"))]
async fn accept(app: &App, router: Router, socket: TcpStream) -> Result<(), BoxError> {
    http(app, router, socket).await
}

async fn http<S>(app: &App, router: Router, socket: S) -> Result<(), BoxError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut stopping = app.stopping.clone();
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(app.limits.connect_grace);
    // A client that vanished without closing the connection does not answer pings.
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(PING_EVERY).keep_alive_timeout(PING_TIMEOUT);
    builder.http2().initial_stream_window_size(WINDOW_BYTES).initial_connection_window_size(WINDOW_BYTES);
    let serving = builder.serve_connection(TokioIo::new(socket), TowerToHyperService::new(router));
    tokio::pin!(serving);
    tokio::select! {
        served = serving.as_mut() => served,
        () = stopped(&mut stopping) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    }
}
