//! The parts of a client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ureq::{Proxy, ProxyProtocol};

use super::{Client, env, roots};
use crate::auth::{Cache, Identity, Jwt, OAuth, Proof, Secret, TokenProvider, agent};
use crate::error::{Error, Fault};
use crate::transport::{Dial, DialOptions, Dialer, Endpoint, PlainHttp, Transport};

/// The parts of a client; [`build`](Self::build) makes it.
#[derive(Debug)]
#[must_use = "a client is made by `build`"]
pub struct ClientBuilder {
    endpoint: Option<String>,
    workspace_url: Option<String>,
    workspace_id: Option<String>,
    client_id: Option<String>,
    client_secret: Option<Secret>,
    jwt: Option<JwtSource>,
    token_provider: Option<Arc<dyn TokenProvider>>,
    authority: Option<Vec<u8>>,
    proxy: ProxyChoice,
    dial: Option<Arc<dyn Dial>>,
    plain_http: PlainHttp,
    connect_timeout: Duration,
    keep_alive: Duration,
    application: Option<String>,
}

/// Where a token of another provider comes from.
#[derive(Clone)]
struct JwtSource(Arc<Jwt>);

impl fmt::Debug for JwtSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtSource(..)")
    }
}

/// Which proxy stands between.
#[derive(Debug)]
enum ProxyChoice {
    Address(String),
    Environment,
    None,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            endpoint: None,
            workspace_url: None,
            workspace_id: None,
            client_id: None,
            client_secret: None,
            jwt: None,
            token_provider: None,
            authority: None,
            proxy: ProxyChoice::Environment,
            dial: None,
            plain_http: PlainHttp::default(),
            connect_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(20),
            application: None,
        }
    }
}

impl ClientBuilder {
    /// The address of the service: `<workspace-id>.zerobus.<region>.cloud.databricks.com` and the like.
    ///
    /// Without a scheme it is https.
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }

    /// The address of the workspace, whose token endpoint is asked.
    pub fn workspace_url(mut self, url: impl Into<String>) -> Self {
        self.workspace_url = Some(url.into());
        self
    }

    /// The workspace's id, where the endpoint's first label is not it.
    pub fn workspace_id(mut self, id: impl Into<String>) -> Self {
        self.workspace_id = Some(id.into());
        self
    }

    /// The id and the secret of the service principal.
    pub fn credentials(mut self, client_id: impl Into<String>, client_secret: impl Into<Secret>) -> Self {
        self.client_id = Some(client_id.into());
        self.client_secret = Some(client_secret.into());
        self
    }

    /// Exchanges a token of another identity provider, a JWT, for the workspace's own (RFC 8693): no secret is needed.
    ///
    /// `jwt` is asked for every exchange, on a thread that may block. The id of [`credentials`](Self::credentials), or
    /// of the environment, goes along where it is set.
    pub fn federation<E>(mut self, jwt: impl Fn() -> Result<Secret, E> + Send + Sync + 'static) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.jwt = Some(JwtSource(Arc::new(move || jwt().map_err(Into::into))));
        self
    }

    /// Trusts an authority of one's own besides the system's: one certificate or more in PEM form.
    pub fn certificate_authority(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.authority = Some(pem.into());
        self
    }

    /// Connects by way of this HTTP proxy, `http://user:password@host:port`; by default the one that `HTTPS_PROXY`,
    /// `HTTP_PROXY` or `ALL_PROXY` names, unless `NO_PROXY` excepts the host.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = ProxyChoice::Address(url.into());
        self
    }

    /// Connects without a proxy, whatever the environment says.
    pub fn no_proxy(mut self) -> Self {
        self.proxy = ProxyChoice::None;
        self
    }

    /// Takes tokens from elsewhere; neither workspace nor credentials are needed then.
    pub fn token_provider(mut self, provider: impl TokenProvider) -> Self {
        self.token_provider = Some(Arc::new(provider));
        self
    }

    /// Makes connections another way: for tests without a network.
    #[doc(hidden)]
    pub fn dial(mut self, dial: impl Dial) -> Self {
        self.dial = Some(Arc::new(dial));
        self
    }

    /// Lets rows and tokens go unencrypted to another machine, where the address says `http://`.
    pub const fn allow_plain_http(mut self) -> Self {
        self.plain_http = PlainHttp::Anywhere;
        self
    }

    /// How long a connection may take to come up; 10 seconds by default.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a connection is idle before the system asks the other end whether it is still there (TCP keep-alive), and
    /// how often from then on; 20 seconds by default. Three questions without an answer end the connection.
    pub const fn keep_alive(mut self, interval: Duration) -> Self {
        self.keep_alive = interval;
        self
    }

    /// The application's name and version, for the `user-agent`: `orders-feed/1.2`.
    pub fn application(mut self, name: impl Into<String>) -> Self {
        self.application = Some(name.into());
        self
    }

    /// Fills what is not set from the environment; [`Client::from_env`] names the variables.
    pub fn from_env(mut self) -> Self {
        self.endpoint = self.endpoint.or_else(|| env::read(env::ENDPOINT));
        self.workspace_url =
            self.workspace_url.or_else(|| env::read(env::WORKSPACE_URL)).or_else(|| env::read(env::HOST));
        self.workspace_id = self.workspace_id.or_else(|| env::read(env::WORKSPACE_ID));
        self.client_id = self.client_id.or_else(|| env::read(env::CLIENT_ID));
        self.client_secret = self.client_secret.or_else(|| env::read(env::CLIENT_SECRET).map(Secret::from));
        self
    }

    /// Makes the client; nothing is connected yet.
    ///
    /// # Errors
    /// If a part is missing or is not valid.
    pub fn build(self) -> Result<Client, Error> {
        let endpoint = required(self.endpoint.as_deref(), "ZEROBUS_SERVER_ENDPOINT, the address of the service,")?;
        let endpoint = Endpoint::parse(endpoint, self.plain_http)?;
        let user_agent = user_agent(self.application.as_deref());
        let proxy = self.proxy.resolve(&endpoint)?;
        let provider = match &self.token_provider {
            Some(provider) => Arc::clone(provider),
            None => Arc::new(self.oauth(&endpoint, &user_agent)?),
        };
        let dial = if let Some(dial) = self.dial {
            dial
        } else {
            let (connect_timeout, keep_alive) = (self.connect_timeout, self.keep_alive);
            let options = DialOptions { connect_timeout, keep_alive, user_agent, authority: self.authority, proxy };
            Arc::new(Dialer::new(&endpoint, options)?)
        };
        Ok(Client { transport: Transport { endpoint, dial }, tokens: Arc::new(Cache::new(provider)) })
    }

    fn oauth(&self, endpoint: &Endpoint, user_agent: &str) -> Result<OAuth, Error> {
        let workspace =
            required(self.workspace_url.as_deref(), "DATABRICKS_WORKSPACE_URL, the address of the workspace,")?;
        let workspace = Endpoint::parse(workspace, self.plain_http)?;
        let proxy = self.proxy.resolve(&workspace)?;
        let tls = workspace.is_https().then(|| roots::tls_config(self.authority.as_deref())).transpose()?;
        let workspace_id = self.workspace_id.as_deref().unwrap_or_else(|| endpoint.first_label());
        Ok(OAuth::new(Identity {
            token_url: format!("{workspace}/oidc/v1/token"),
            workspace_id: workspace_id.to_owned(),
            proof: self.proof()?,
            agent: agent(user_agent, self.connect_timeout, tls, proxy),
        }))
    }

    fn proof(&self) -> Result<Proof, Error> {
        let client_id = self.client_id.as_deref();
        if let Some(JwtSource(jwt)) = &self.jwt {
            return Ok(Proof::Jwt { client_id: client_id.map(str::to_owned), jwt: Arc::clone(jwt) });
        }
        let client_id = required(client_id, "DATABRICKS_CLIENT_ID, the id of the service principal,")?.to_owned();
        let missing = Fault::Missing { what: "DATABRICKS_CLIENT_SECRET, the secret of the service principal," };
        let client_secret = self.client_secret.clone().filter(|secret| !secret.reveal().is_empty()).ok_or(missing)?;
        Ok(Proof::Secret { client_id, client_secret })
    }
}

impl ProxyChoice {
    /// The proxy before an address; what is on this machine needs none, whatever the environment says.
    fn resolve(&self, endpoint: &Endpoint) -> Result<Option<Proxy>, Error> {
        match self {
            // The address may hold a password, so it is not told.
            Self::Address(url) => match Proxy::new(url) {
                Ok(proxy) if proxy.protocol() == ProxyProtocol::Http => Ok(Some(proxy)),
                _ => Err(Fault::Option {
                    option: "proxy",
                    found: "the given address".to_owned(),
                    expected: "http://host:port",
                }
                .into()),
            },
            Self::Environment if endpoint.is_loopback() => Ok(None),
            Self::Environment => Ok(Proxy::try_from_env()),
            Self::None => Ok(None),
        }
    }
}

fn required<'a>(value: Option<&'a str>, what: &'static str) -> Result<&'a str, Error> {
    value.filter(|value| !value.trim().is_empty()).ok_or_else(|| Fault::Missing { what }.into())
}

fn user_agent(application: Option<&str>) -> String {
    let own = concat!("zerobus-runtime/", env!("CARGO_PKG_VERSION"));
    application.map_or_else(|| own.to_owned(), |application| format!("{application} {own}"))
}
