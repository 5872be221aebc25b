//! The message of an error response, in the formats of catalogs, token endpoints and proxies.

use serde_json::Value;

/// The code and the message of an error response, as far as its body has them.
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
}

impl Refusal {
    /// Reads `{"error_code", "message"}`, `{"error", "error_description"}`, HTML, other text, or nothing.
    pub(super) fn read(status: u16, body: &str) -> Self {
        let json: Option<Value> = serde_json::from_str(body).ok();
        let text = |key: &str| json.as_ref().and_then(|json| json.get(key)?.as_str()).unwrap_or_default().to_owned();
        let first = |a: String, b: String| if a.is_empty() { b } else { a };
        let code = first(text("error_code"), text("error"));
        let message = first(text("message"), text("error_description"));
        let message = match (code.is_empty(), message.is_empty()) {
            (false, false) => format!("{message} ({code})"),
            (false, true) => code.clone(),
            (true, false) => message,
            (true, true) => fallback(status, body),
        };
        Self { code, message }
    }
}

fn fallback(status: u16, body: &str) -> String {
    let body = body.trim();
    if body.is_empty() {
        return format!("status {status} without a message");
    }
    if looks_like_html(body) {
        return format!("status {status} with a web page");
    }
    let start: String = body.chars().take(200).collect();
    format!("status {status}: {start}")
}

/// Whether a body is a web page, such as a login page or a proxy's message.
pub(super) fn looks_like_html(body: &str) -> bool {
    body.trim_start().starts_with('<')
}
