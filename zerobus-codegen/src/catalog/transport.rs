//! The transport: requests with retries, with a total deadline, jittered backoff, and `Retry-After` if the server
//! sends one.

use std::thread;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use ureq::http::StatusCode;
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};

use super::host::is_loopback;
use super::refusal::{Refusal, looks_like_html};
use super::roots::tls_config;
use super::{CatalogError, Login, Secret};

/// The maximum size of a response, far above that of any list of tables.
const BODY_LIMIT: u64 = 256 << 20;

/// How often to try a server that cannot be reached.
const UNREACHABLE_ATTEMPTS: u32 = 4;

/// The limits of retries: the total time, and the waits between attempts.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// The total time for all requests to a catalog, starting with the connection.
    pub deadline: Duration,
    /// The first wait after a failed attempt; each further wait may be twice as long.
    pub first_wait: Duration,
    /// The longest wait, unless the server asks for a longer one.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(300),
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(30),
        }
    }
}

/// A request to a server.
pub(super) struct Request<'a> {
    pub(super) url: String,
    pub(super) bearer: Option<&'a Secret>,
    pub(super) basic: Option<&'a Secret>,
    /// The body of a POST; `None` for a GET.
    pub(super) form: Option<&'a str>,
    /// The requested object, for messages.
    pub(super) what: String,
}

/// Sends requests, each until the server answers, refuses it for good, or the deadline passes.
#[derive(Debug)]
pub(super) struct Transport {
    agent: ureq::Agent,
    retry_policy: RetryPolicy,
    started: Instant,
    workspace_id: Option<String>,
}

/// The failure of an attempt.
enum AttemptError {
    /// A retry would not help.
    Final(CatalogError),
    /// A retry may help, after this wait if the server gave one.
    Passing { message: String, wait: Option<Duration>, source: Option<Box<ureq::Error>> },
}

impl Transport {
    /// # Errors
    /// If the certificates to trust cannot be read.
    pub(super) fn new(retry_policy: RetryPolicy, login: &Login) -> Result<Self, CatalogError> {
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .user_agent(concat!("zerobus-codegen/", env!("CARGO_PKG_VERSION")));
        if login.host.starts_with("https:") {
            config = config.tls_config(tls_config(login.ca_file.as_deref())?);
        }
        if is_loopback(&login.host) {
            // For a proxy, a loopback address would be the proxy's own machine.
            config = config.proxy(None);
        }
        let (agent, workspace_id) = (config.build().into(), login.workspace_id.clone());
        Ok(Self { agent, retry_policy, started: Instant::now(), workspace_id })
    }

    /// Sends a request, and parses the JSON of the response.
    pub(super) fn json<T: DeserializeOwned>(&self, request: &Request<'_>) -> Result<T, CatalogError> {
        let body = self.text(request)?;
        serde_json::from_str(&body).map_err(|error| {
            let found = if looks_like_html(&body) {
                "a web page".to_owned()
            } else if request.basic.is_some() {
                // The parser's message may quote the text, which may be a token here.
                "a response other than the expected JSON".to_owned()
            } else {
                format!("a response other than the expected JSON ({error})")
            };
            CatalogError::Answer { url: request.url.clone(), what: request.what.clone(), found }
        })
    }

    fn text(&self, request: &Request<'_>) -> Result<String, CatalogError> {
        let mut backoff = self.retry_policy.first_wait;
        let mut unreachable = 0;
        // The server's last message; an attempt cut off by the deadline has none.
        let mut answered = None;
        loop {
            let (message, wait, source) = match self.attempt(request) {
                Ok(body) => return Ok(body),
                Err(AttemptError::Final(error)) => return Err(error),
                Err(AttemptError::Passing { message, wait, source }) => (message, wait, source),
            };
            let wait = wait.unwrap_or_else(|| backoff.mul_f64(0.5 + 0.5 * fastrand::f64()));
            match &source {
                None => answered = Some(message),
                Some(_) => unreachable += 1,
            }
            if wait >= self.remaining() || unreachable >= UNREACHABLE_ATTEMPTS {
                return Err(self.give_up(request, answered, source));
            }
            thread::sleep(wait);
            backoff = (backoff * 2).min(self.retry_policy.longest_wait);
        }
    }

    fn give_up(
        &self,
        request: &Request<'_>,
        answered: Option<String>,
        source: Option<Box<ureq::Error>>,
    ) -> CatalogError {
        let (url, what) = (request.url.clone(), request.what.clone());
        match (answered, source) {
            (None, Some(source)) => CatalogError::Unreachable { url, source },
            (Some(_), Some(source)) if !self.remaining().is_zero() => CatalogError::Unreachable { url, source },
            (answered, _) => {
                let message = answered.unwrap_or_default();
                CatalogError::Timeout { url, what, waited: self.started.elapsed(), message }
            }
        }
    }

    fn remaining(&self) -> Duration {
        self.retry_policy.deadline.saturating_sub(self.started.elapsed())
    }

    fn attempt(&self, request: &Request<'_>) -> Result<String, AttemptError> {
        let answer = self.send(request).map_err(|error| attempt_error(request, error))?;
        let (parts, mut body) = answer.into_parts();
        let unbelievable = |found: &str| {
            let (url, what) = (request.url.clone(), request.what.clone());
            AttemptError::Final(CatalogError::Answer { url, what, found: found.to_owned() })
        };
        let bytes = match body.with_config().limit(BODY_LIMIT).read_to_vec() {
            Err(ureq::Error::BodyExceedsLimit(_)) => return Err(unbelievable("more than 256 MiB")),
            read => read.map_err(|error| attempt_error(request, error))?,
        };
        if parts.status.is_success() {
            return String::from_utf8(bytes).map_err(|_| unbelievable("a response that is not UTF-8 text"));
        }
        let text = String::from_utf8_lossy(&bytes);
        let wait = parts.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Err(refused(request, parts.status, &text, wait.map(Duration::from_secs)))
    }

    fn send(&self, request: &Request<'_>) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let authorization = match (request.bearer, request.basic) {
            (Some(token), _) => Some(format!("Bearer {}", token.reveal())),
            (None, Some(basic)) => Some(format!("Basic {}", basic.reveal())),
            (None, None) => None,
        };
        let method = if request.form.is_some() { "POST" } else { "GET" };
        let mut built =
            ureq::http::Request::builder().method(method).uri(&request.url).header(ACCEPT, "application/json");
        if let Some(authorization) = authorization {
            built = built.header(AUTHORIZATION, authorization);
        }
        if let Some(id) = &self.workspace_id {
            // The second is the older name of the first; servers know one or both.
            built = built.header("x-databricks-workspace-id", id).header("x-databricks-org-id", id);
        }
        let timeout = Some(self.remaining());
        match request.form {
            Some(form) => {
                let built = built.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)?;
                self.agent.run(self.agent.configure_request(built).timeout_global(timeout).build())
            }
            None => self.agent.run(self.agent.configure_request(built.body(())?).timeout_global(timeout).build()),
        }
    }
}

/// The error of a request without a response.
fn attempt_error(request: &Request<'_>, error: ureq::Error) -> AttemptError {
    let passing = matches!(
        error,
        ureq::Error::Io(_) | ureq::Error::ConnectionFailed | ureq::Error::Protocol(_) | ureq::Error::Timeout(_)
    );
    let source = Box::new(error);
    if passing {
        return AttemptError::Passing { message: source.to_string(), wait: None, source: Some(source) };
    }
    AttemptError::Final(CatalogError::Unreachable { url: request.url.clone(), source })
}

/// The error of a request that the server answered with an error status.
fn refused(request: &Request<'_>, status: StatusCode, body: &str, wait: Option<Duration>) -> AttemptError {
    let Refusal { code, message } = Refusal::read(status.as_u16(), body);
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED {
        return AttemptError::Passing { message, wait, source: None };
    }
    let (url, what) = (request.url.clone(), request.what.clone());
    AttemptError::Final(match status.as_u16() {
        401 if request.basic.is_some() => denied(what, message, BAD_CLIENT),
        400 if code == "invalid_client" || code == "unauthorized_client" => denied(what, message, BAD_CLIENT),
        401 if request.bearer.is_none() => denied(what, message, NO_CREDENTIALS),
        401 => denied(what, message, BAD_TOKEN),
        403 => denied(what, message, NO_GRANT),
        404 => CatalogError::NotFound { what, message },
        status => CatalogError::Refused { url, what, status, message },
    })
}

fn denied(what: String, message: String, remedy: &'static str) -> CatalogError {
    CatalogError::Denied { what, message, remedy }
}

const BAD_CLIENT: &str = "check DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, and that the secret has not expired";
const BAD_TOKEN: &str = "check that the token is complete, belongs to this workspace and has not expired";
const NO_CREDENTIALS: &str =
    "set DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, or log in with `databricks configure`";
const NO_GRANT: &str = "grant USE CATALOG, USE SCHEMA and SELECT to the owner of these credentials";
