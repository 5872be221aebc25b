//! Parses a workspace's address as typed or copied from a browser.
//!
//! ```text
//! [scheme "://"] authority ["/" path] ["?" query] ["#" fragment]
//! ```
//!
//! Scheme and authority are kept, and `o=<id>` of the query, which names the workspace if one host serves several.

use super::CatalogError;
use super::credentials::Credentials;

/// A host, and the workspace on it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Host {
    /// Scheme and authority, without a slash at the end.
    pub(super) url: String,
    pub(super) workspace_id: Option<String>,
}

impl Host {
    /// Parses an address.
    ///
    /// # Errors
    /// If it is not an address, or credentials would be sent unencrypted to another machine.
    pub(super) fn parse(text: &str, credentials: &Credentials) -> Result<Self, CatalogError> {
        // The text before an @ may be a password.
        let shown = text.rsplit('@').next().unwrap_or_default();
        let refused = |reason| CatalogError::Host { host: shown.to_owned(), reason };
        let (scheme, authority, rest) = parts(text);
        if authority.contains('@') {
            return Err(refused("it holds a user name; leave out everything before the @"));
        }
        let url = format!("{scheme}://{authority}");
        let uri: ureq::http::Uri = url.parse().map_err(|_| refused("write it as https://<instance>"))?;
        if uri.host().is_none_or(str::is_empty) {
            return Err(refused("write it as https://<instance>"));
        }
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_loopback(&url) || matches!(credentials, Credentials::None) => {}
            Some("http") => return Err(refused("credentials go over https only; write https://")),
            _ => return Err(refused("its scheme is neither http nor https")),
        }
        let workspace_id = match query(rest, "o") {
            None | Some("") => None,
            Some(id) if is_workspace_id(id) => Some(id.to_owned()),
            Some(_) => {
                return Err(refused(
                    "its ?o= is not a workspace's id, which has only digits; correct it or leave it out",
                ));
            }
        };
        Ok(Self { url, workspace_id })
    }
}

/// Whether the address is on this machine.
pub(super) fn is_loopback(url: &str) -> bool {
    let uri = url.parse::<ureq::http::Uri>().ok();
    uri.is_some_and(|uri| matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]")))
}

/// Whether two addresses have the same host and, if both name one, the same workspace.
pub(super) fn is_same(a: &str, b: &str) -> bool {
    let ((_, a, rest_a), (_, b, rest_b)) = (parts(a), parts(b));
    let ids = (query(rest_a, "o"), query(rest_b, "o"));
    a.eq_ignore_ascii_case(b) && !matches!(ids, (Some(a), Some(b)) if a != b)
}

/// Whether a text is a workspace's id, and so is safe in a header.
pub(super) fn is_workspace_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Splits an address into scheme, authority and the rest.
fn parts(text: &str) -> (&str, &str, &str) {
    let text = text.trim();
    let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    (scheme, &rest[..end], &rest[end..])
}

/// The value of a key of the query, which can follow the `#` in the address of a single-page application.
fn query<'a>(rest: &'a str, key: &str) -> Option<&'a str> {
    let pairs = rest.split(['?', '#', '&', '/']).filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(name, _)| *name == key).map(|(_, value)| value)
}
