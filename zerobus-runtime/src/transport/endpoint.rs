//! The service's address: its parts, and which are allowed.

use std::net::IpAddr;

use http::Uri;
use http::uri::Scheme;

use crate::error::{Error, Fault};

/// A valid address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    uri: Uri,
}

/// Whether plain http may leave this machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum PlainHttp {
    Anywhere,
    #[default]
    LoopbackOnly,
}

impl Endpoint {
    /// Parses an address; the default scheme is https.
    pub(crate) fn parse(text: &str, plain_http: PlainHttp) -> Result<Self, Error> {
        let fault = |problem| Error::from(Fault::Endpoint { endpoint: text.to_owned(), problem });
        let trimmed = text.trim();
        let with_scheme = if trimmed.contains("://") { trimmed.to_owned() } else { format!("https://{trimmed}") };
        let uri: Uri = with_scheme.parse().map_err(|_| fault("is not an address"))?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| fault("names no host"))?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(fault("holds a user or password, which has no place there"));
        }
        if uri.path() != "/" || uri.query().is_some() {
            return Err(fault(
                "has a path or a query, and the service has neither: write the scheme and the host alone",
            ));
        }
        if uri.scheme() == Some(&Scheme::HTTP) {
            if plain_http == PlainHttp::LoopbackOnly && !is_loopback(host) {
                return Err(fault("would send rows and token unencrypted: use https, or allow plain http by name"));
            }
        } else if uri.scheme() != Some(&Scheme::HTTPS) {
            return Err(fault("is neither http nor https"));
        }
        Ok(Self { uri })
    }

    /// Reads a workspace's address, which may come from a browser: what follows the host is cut off; the id of the
    /// workspace that its query carries as `o`, if any.
    pub(crate) fn parse_workspace(text: &str, plain_http: PlainHttp) -> Result<(Self, Option<String>), Error> {
        let trimmed = text.trim();
        let host_at = trimmed.find("://").map_or(0, |scheme| scheme + 3);
        let behind = trimmed[host_at..].find(['/', '?', '#']).map_or(trimmed.len(), |end| host_at + end);
        let (address, rest) = trimmed.split_at(behind);
        let query = rest.split_once('?').map_or("", |(_, query)| query.split('#').next().unwrap_or_default());
        let id = query.split('&').find_map(|pair| pair.strip_prefix("o=")).filter(|id| !id.is_empty());
        Ok((Self::parse(address, plain_http)?, id.map(str::to_owned)))
    }

    pub(crate) const fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(crate) fn is_https(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }

    pub(crate) fn is_loopback(&self) -> bool {
        self.uri.host().is_some_and(is_loopback)
    }

    /// The workspace's id, if the first label of the host is a number, as in the service's endpoints.
    pub(crate) fn workspace_id(&self) -> Option<&str> {
        Some(self.first_label()).filter(|label| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// The first label of the host.
    pub(crate) fn first_label(&self) -> &str {
        let host = self.uri.host().unwrap_or_default();
        host.split('.').next().unwrap_or(host)
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.uri.to_string().trim_end_matches('/'))
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn an_address_without_a_scheme_is_https() {
        let endpoint = Endpoint::parse("123.zerobus.us-west-2.cloud.databricks.com", PlainHttp::LoopbackOnly).unwrap();
        assert!(endpoint.is_https());
        assert_eq!(endpoint.first_label(), "123");
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for local in ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"] {
            assert!(Endpoint::parse(local, PlainHttp::LoopbackOnly).is_ok(), "{local}");
        }
        assert!(Endpoint::parse("http://10.0.0.1", PlainHttp::LoopbackOnly).is_err());
        assert!(Endpoint::parse("http://10.0.0.1", PlainHttp::Anywhere).is_ok());
    }

    #[test]
    fn a_workspace_may_be_copied_from_a_browser() {
        for (text, host, id) in [
            ("https://adb-1.2.azuredatabricks.net/?o=123#job/4", "https://adb-1.2.azuredatabricks.net", Some("123")),
            ("https://a.cloud.databricks.com/browse/folders?x=1&o=7", "https://a.cloud.databricks.com", Some("7")),
            ("a.cloud.databricks.com?o=", "https://a.cloud.databricks.com", None),
            (" a.cloud.databricks.com/ ", "https://a.cloud.databricks.com", None),
        ] {
            let (endpoint, found) = Endpoint::parse_workspace(text, PlainHttp::LoopbackOnly).unwrap();
            assert_eq!((endpoint.to_string().as_str(), found.as_deref()), (host, id), "{text}");
        }
    }

    #[test]
    fn an_invalid_address_is_an_error() {
        for bad in ["", "ftp://a", "https://", "https://a/b", "https://u:p@a", "a b", "https://a?q"] {
            let error = Endpoint::parse(bad, PlainHttp::LoopbackOnly).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{bad}");
            assert!(!error.to_string().contains("panic"), "{error}");
        }
    }
}
