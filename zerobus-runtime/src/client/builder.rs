//! Client options.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ureq::{Proxy, ProxyProtocol};

use super::{Client, env, roots, times};
use crate::auth::{Cache, Identity, Jwt, OAuth, Proof, Secret, TokenProvider, agent};
use crate::error::{Error, Fault};
use crate::shared::Budget;
use crate::transport::{Dial, DialOptions, Dialer, Endpoint, PlainHttp, Transport};

/// The options of a client. [`build`](Self::build) creates it.
#[derive(Debug)]
#[must_use = "call `build` to create the client"]
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
    connect_timeout: Option<Duration>,
    keep_alive: Option<Duration>,
    application: Option<String>,
    max_unacked_bytes: Option<usize>,
    /// The environment has a personal access token.
    has_personal_token: bool,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The source of the other provider's JWT.
#[derive(Clone)]
struct JwtSource(Arc<Jwt>);

impl fmt::Debug for JwtSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtSource(..)")
    }
}

/// Which proxy to use.
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
            connect_timeout: Some(Duration::from_secs(10)),
            keep_alive: Some(Duration::from_secs(20)),
            application: None,
            max_unacked_bytes: None,
            has_personal_token: false,
        }
    }
}

impl ClientBuilder {
    /// The address of the service: `<workspace-id>.zerobus.<region>.cloud.databricks.com` and the like.
    ///
    /// The default scheme is https.
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }

    /// The address of the workspace, which issues tokens.
    pub fn workspace_url(mut self, url: impl Into<String>) -> Self {
        self.workspace_url = Some(url.into());
        self
    }

    /// The workspace's id, if it is not the endpoint's first label.
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

    /// Exchanges a JWT of another identity provider for a workspace token (RFC 8693); no client secret is needed.
    ///
    /// `jwt` is called for every exchange, on a thread that may block. The id from [`credentials`](Self::credentials)
    /// or the environment is sent with it if set.
    pub fn federation<E>(self, jwt: impl Fn() -> Result<Secret, E> + Send + Sync + 'static) -> Self
    where
        E: Into<BoxError>,
    {
        let jwt = Arc::new(move || jwt().map_err(Into::into));
        self.federation_async(move || {
            let jwt = Arc::clone(&jwt);
            async move {
                let asked = tokio::task::spawn_blocking(move || jwt()).await;
                asked.unwrap_or_else(|_| {
                    Err("the function that provides the JWT panicked, or the runtime shut down".into())
                })
            }
        })
    }

    /// As [`federation`](Self::federation), with an async function.
    pub fn federation_async<F, E>(mut self, jwt: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Secret, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.jwt = Some(JwtSource(Arc::new(move || {
            let asked = jwt();
            Box::pin(async move { asked.await.map_err(Into::into) })
        })));
        self
    }

    /// Trusts another certificate authority besides the system's: one or more certificates in PEM form.
    pub fn certificate_authority(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.authority = Some(pem.into());
        self
    }

    /// Connects through this HTTP proxy, `http://user:password@host:port`; by default the proxy that `HTTPS_PROXY`,
    /// `HTTP_PROXY` or `ALL_PROXY` names, unless `NO_PROXY` excepts the host.
    ///
    /// [`build`](Self::build) fails if the proxy itself is reached by TLS (`https://`) or SOCKS.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = ProxyChoice::Address(url.into());
        self
    }

    /// Connects without a proxy, ignoring the environment.
    pub fn no_proxy(mut self) -> Self {
        self.proxy = ProxyChoice::None;
        self
    }

    /// Uses a custom token provider; no workspace or credentials are then needed.
    pub fn token_provider(mut self, provider: impl TokenProvider) -> Self {
        self.token_provider = Some(Arc::new(provider));
        self
    }

    /// Replaces how connections to the service are made, below TLS and HTTP/2: for a custom tunnel, or a simulated
    /// network in tests.
    ///
    /// The proxy and [`keep_alive`](Self::keep_alive) are then not used; tokens are still requested over the system's
    /// network.
    pub fn dial(mut self, dial: impl Dial) -> Self {
        self.dial = Some(Arc::new(dial));
        self
    }

    /// Allows unencrypted rows and tokens to another machine, where the address says `http://`.
    pub const fn allow_plain_http(mut self) -> Self {
        self.plain_http = PlainHttp::Anywhere;
        self
    }

    /// The most bytes that all streams of this client together may have accepted and not yet made durable; no limit by
    /// default, in addition to the limit of each [stream](crate::StreamBuilder::max_unacked_bytes).
    pub fn max_unacked_bytes(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.max_unacked_bytes = bytes.into();
        self
    }

    /// How long a connection, or a request to the token endpoint, may take; 10 seconds by default.
    pub fn connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.connect_timeout = timeout.into();
        self
    }

    /// How long a connection is idle before the system probes the peer (TCP keep-alive), and the interval between
    /// probes; 20 seconds by default, at least one second, no probes with `None`. Three unanswered probes end the
    /// connection.
    pub fn keep_alive(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.keep_alive = interval.into();
        self
    }

    /// The application's name and version, for the `user-agent`: `orders-feed/1.2`.
    pub fn application(mut self, name: impl Into<String>) -> Self {
        self.application = Some(name.into());
        self
    }

    /// Fills in from the environment what is not set; [`Client::from_env`] lists the variables.
    pub fn from_env(mut self) -> Self {
        self.endpoint = self.endpoint.or_else(|| env::read(env::ENDPOINT));
        self.workspace_url =
            self.workspace_url.or_else(|| env::read(env::WORKSPACE_URL)).or_else(|| env::read(env::HOST));
        self.workspace_id = self.workspace_id.or_else(|| env::read(env::WORKSPACE_ID));
        self.client_id = self.client_id.or_else(|| env::read(env::CLIENT_ID));
        self.client_secret = self.client_secret.or_else(|| env::read(env::CLIENT_SECRET).map(Secret::from));
        self.has_personal_token = env::read(env::TOKEN).is_some();
        self
    }

    /// Builds the client, without connecting.
    ///
    /// # Errors
    /// If a part is missing or is not valid.
    pub fn build(self) -> Result<Client, Error> {
        let endpoint = required(self.endpoint.as_deref(), "ZEROBUS_SERVER_ENDPOINT, the address of the service,")?;
        let endpoint = Endpoint::parse(endpoint, self.plain_http)?;
        let connect_timeout = times::connect_timeout(self.connect_timeout)?;
        let keep_alive = times::keep_alive(self.keep_alive)?;
        let user_agent = user_agent(self.application.as_deref());
        let proxy = self.proxy.resolve(&endpoint)?;
        let provider = match &self.token_provider {
            Some(provider) => Arc::clone(provider),
            None => Arc::new(self.oauth(&endpoint, &user_agent, connect_timeout)?),
        };
        let budget = match self.max_unacked_bytes {
            Some(0) => {
                let expected = "it takes at least 1, or None for no limit";
                return Err(Fault::Option { option: "max_unacked_bytes", found: "0".to_owned(), expected }.into());
            }
            bytes => bytes.map(Budget::new),
        };
        let tls = endpoint.is_https().then(|| roots::tls_config(self.authority.as_deref())).transpose()?;
        let rest = Arc::new(agent(&user_agent, times::REST, tls, proxy.clone()));
        let options =
            DialOptions { connect_timeout, keep_alive, user_agent, authority: self.authority, proxy, dial: self.dial };
        let dialer = Arc::new(Dialer::new(&endpoint, options)?);
        Ok(Client { transport: Transport { endpoint, dialer }, tokens: Arc::new(Cache::new(provider)), budget, rest })
    }

    fn oauth(&self, endpoint: &Endpoint, user_agent: &str, timeout: Duration) -> Result<OAuth, Error> {
        let proof = self.proof()?;
        let workspace =
            required(self.workspace_url.as_deref(), "DATABRICKS_WORKSPACE_URL, the address of the workspace,")?;
        let (workspace, id) = Endpoint::parse_workspace(workspace, self.plain_http)?;
        let proxy = self.proxy.resolve(&workspace)?;
        let tls = workspace.is_https().then(|| roots::tls_config(self.authority.as_deref())).transpose()?;
        let given = self.workspace_id.clone().or_else(|| endpoint.workspace_id().map(str::to_owned)).or(id);
        let workspace_id = given.unwrap_or_else(|| endpoint.first_label().to_owned());
        Ok(OAuth::new(Identity {
            token_url: format!("{workspace}/oidc/v1/token"),
            workspace_id,
            proof,
            agent: agent(user_agent, timeout, tls, proxy),
        }))
    }

    fn proof(&self) -> Result<Proof, Error> {
        let client_id = self.client_id.as_deref().map(|id| trimmed(id, env::CLIENT_ID));
        if let Some(JwtSource(jwt)) = &self.jwt {
            return Ok(Proof::Jwt { client_id: client_id.map(str::to_owned), jwt: Arc::clone(jwt) });
        }
        if self.client_secret.is_none() && self.has_personal_token {
            return Err(Fault::PersonalToken.into());
        }
        let client_id = required(client_id, "DATABRICKS_CLIENT_ID, the id of the service principal,")?.to_owned();
        let missing = Fault::Missing { what: "DATABRICKS_CLIENT_SECRET, the secret of the service principal," };
        let (client_secret, had_blanks) = self.client_secret.clone().unwrap_or_else(|| "".into()).trimmed();
        if had_blanks {
            warn_of_blanks(env::CLIENT_SECRET);
        }
        match client_secret.reveal() {
            "" => Err(missing.into()),
            // The prefix of personal access tokens.
            secret if secret.starts_with("dapi") => Err(Fault::PersonalToken.into()),
            _ => Ok(Proof::Secret { client_id, client_secret }),
        }
    }
}

fn trimmed<'a>(text: &'a str, name: &'static str) -> &'a str {
    let trimmed = text.trim();
    if trimmed.len() < text.len() {
        warn_of_blanks(name);
    }
    trimmed
}

fn warn_of_blanks(variable: &'static str) {
    tracing::warn!(name: "zerobus.credentials.trimmed", variable, "removed whitespace around a value");
}

impl ProxyChoice {
    /// The proxy for an address. Addresses of this machine never use one, even if the environment names one.
    ///
    /// Only `http://` proxies are supported. Any other is an error: rows must not bypass a configured proxy.
    fn resolve(&self, endpoint: &Endpoint) -> Result<Option<Proxy>, Error> {
        let (proxy, option) = match self {
            Self::Address(url) => (Proxy::new(url).ok(), "proxy"),
            Self::Environment if endpoint.is_loopback() => return Ok(None),
            Self::Environment => match Proxy::try_from_env() {
                None => return Ok(None),
                Some(proxy) if proxy.is_no_proxy(endpoint.uri()) => return Ok(None),
                found => (found, "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY"),
            },
            Self::None => return Ok(None),
        };
        match proxy {
            Some(proxy) if proxy.protocol() == ProxyProtocol::Http => Ok(Some(proxy)),
            // The address may contain a password, so it is not shown.
            other => {
                let found = other.map_or("the given address".to_owned(), |proxy| format!("{:?}", proxy.protocol()));
                let expected = "it takes the address of an HTTP proxy, http://host:port";
                Err(Fault::Option { option, found, expected }.into())
            }
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
