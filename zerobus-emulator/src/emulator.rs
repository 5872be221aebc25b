//! The emulator in process: builder, start, rows, shutdown.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use zerobus_codegen::{Printable, Table, TableName};

use crate::activity::Activity;
use crate::app::Access;
use crate::app::{self, App};
use crate::catalog::{Catalog, CatalogError};
use crate::credentials::Credentials;
use crate::definitions::Definitions;
use crate::error_chain::ErrorChain;
use crate::faults::Fault;
use crate::faults::script::Faults;
use crate::grants::{Grants, GrantsError};
use crate::lease::Leases;
use crate::limits::Limits;
use crate::partition_quota::PartitionQuota;
#[cfg(feature = "delta")]
use crate::profile::Profile;
use crate::random;
use crate::rows;
use crate::server;
#[cfg(feature = "delta")]
use crate::sink::delta::{Acks, History, Options};
use crate::sink::{Memory, Sink, StorageError};
#[cfg(feature = "tls")]
use crate::tls::{self, TlsError};
use crate::tokens::Tokens;

/// How long the service collects rows before it acks them.
#[cfg(feature = "delta")]
const ACK_AFTER: Duration = Duration::from_millis(150);
/// How long acked rows take to reach their table at the service.
#[cfg(feature = "delta")]
const COMMIT_INTERVAL: Duration = Duration::from_millis(4_500);

/// Why an emulator could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The port is in use or not permitted.
    #[error("cannot listen on {address}; choose another port, or 0 for a free one")]
    Bind {
        /// The requested address.
        address: SocketAddr,
        /// The system's error.
        source: std::io::Error,
    },
    /// The tables could not be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The grants could not be read.
    #[error(transparent)]
    Grants(#[from] GrantsError),
    /// The data folder cannot be used.
    #[error("the data folder {} cannot be used; name one that can be written to", .path.display())]
    Data {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// [`Profile::Service`] acks rows before they are in their table, and needs a folder to keep them in.
    #[cfg(feature = "delta")]
    #[error(
        "the profile `service` needs a data folder, where acked rows survive a kill; name one with --data or Builder::data"
    )]
    NoData,
    /// HTTPS cannot be served.
    #[cfg(feature = "tls")]
    #[error("HTTPS cannot be served")]
    Tls(#[from] TlsError),
}

/// Why rows could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RowsError {
    /// The table could not be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// No table of this name can hold rows.
    #[error("table {} is not one of this emulator's that take rows; give its JSON to Builder::schemas", Printable(.table))]
    UnknownTable {
        /// The requested name.
        table: String,
    },
}

/// Unity Catalog, its token endpoint and Zerobus on one port of this machine.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let emulator = zerobus_emulator::Emulator::builder().schemas("schemas").data("data").start().await?;
/// println!("{} knows {}", emulator.url(), emulator.client_id());
/// // … a client sends rows …
/// let rows = emulator.rows("main.geo.earthquakes").await?;
/// emulator.shutdown().await;
/// # Ok(())
/// # }
/// ```
///
/// An emulator that is dropped without [`shutdown`](Self::shutdown) stops listening. Rows that were not acked may be
/// lost.
#[derive(Debug)]
pub struct Emulator {
    app: App,
    url: String,
    stop: watch::Sender<bool>,
    /// Closed when the last stream has ended.
    streams: mpsc::Receiver<()>,
    server: JoinHandle<()>,
    /// Creates the missing tables.
    preparing: JoinHandle<()>,
}

/// Configures and starts an [`Emulator`].
#[derive(Debug)]
#[must_use]
pub struct Builder {
    address: SocketAddr,
    control_token: Option<String>,
    fixed_token: Option<String>,
    credentials: Credentials,
    #[cfg(feature = "delta")]
    data: Option<PathBuf>,
    #[cfg(feature = "ddl")]
    ddl: Vec<PathBuf>,
    faults: Vec<Fault>,
    grants: Vec<PathBuf>,
    without_access: Vec<String>,
    principals: Vec<Credentials>,
    limits: Limits,
    #[cfg(feature = "delta")]
    profile: Profile,
    #[cfg(feature = "delta")]
    commit_interval: Duration,
    #[cfg(feature = "delta")]
    storage: Options,
    seed: u64,
    schemas: Vec<PathBuf>,
    #[cfg(feature = "tls")]
    tls: Option<PathBuf>,
}

impl Emulator {
    /// Configures an emulator; without further calls it has no tables, listens on a free port of the loopback interface
    /// and keeps rows in memory.
    pub fn builder() -> Builder {
        Builder {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            control_token: None,
            fixed_token: None,
            credentials: Credentials { client_id: "zerobus-emulator".to_owned(), client_secret: random::text(32) },
            #[cfg(feature = "delta")]
            data: None,
            #[cfg(feature = "ddl")]
            ddl: Vec::new(),
            faults: Vec::new(),
            grants: Vec::new(),
            without_access: Vec::new(),
            principals: Vec::new(),
            limits: Limits::default(),
            #[cfg(feature = "delta")]
            profile: Profile::Fast,
            #[cfg(feature = "delta")]
            commit_interval: COMMIT_INTERVAL,
            #[cfg(feature = "delta")]
            storage: Options {
                acks: Acks::AfterCommit,
                history: History::Short,
                linger: Duration::from_millis(20),
                memory: 128 << 20,
            },
            seed: fastrand::u64(..),
            schemas: Vec::new(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// The workspace's URL, which is the Zerobus endpoint as well: `http://127.0.0.1:PORT`, or `https` with
    /// certificates.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The id of the client that gets tokens.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.app.principals[0].client_id
    }

    /// The secret of the client that gets tokens.
    #[must_use]
    pub fn client_secret(&self) -> &str {
        &self.app.principals[0].client_secret
    }

    /// The token that the emulator's own paths require, if any: `authorization: Bearer <token>`.
    #[must_use]
    pub fn control_token(&self) -> Option<&str> {
        self.app.control_token.as_deref()
    }

    /// The full names of all tables, including those that take no rows.
    pub fn tables(&self) -> impl Iterator<Item = String> {
        let names: Vec<String> = self.app.catalog().entries().map(|entry| entry.info.full_name()).collect();
        names.into_iter()
    }

    /// The table that takes rows, if there is only one.
    #[cfg(feature = "cli")]
    pub(crate) fn only_table(&self) -> Option<String> {
        let catalog = self.app.catalog();
        let mut tables = catalog.all_writable();
        tables.next().filter(|_| tables.next().is_none()).map(|table| table.name.to_string())
    }

    /// The folder of a Delta table, which is created soon after the start. `None` without a data folder, or if the name
    /// is not a full table name.
    #[must_use]
    pub fn table_path(&self, table: &str) -> Option<PathBuf> {
        if let Some(Ok(known)) = self.app.catalog().entry(table).map(|entry| entry.table.as_ref()) {
            return self.app.sink.path(&known.name);
        }
        let name: TableName = table.parse().ok()?;
        self.app.sink.path(&name)
    }

    /// Every row of the table in commit order, each as a JSON object.
    ///
    /// TIMESTAMP and TIMESTAMP_NTZ are integers (microseconds), DATE is an integer (days), DECIMAL a string, VARIANT a
    /// string of JSON text, BINARY a string (base64), MAP an object. Floats that are not finite are strings.
    ///
    /// # Errors
    /// If the table is unknown, takes no rows, or cannot be read.
    pub async fn rows(&self, table: &str) -> Result<Vec<Value>, RowsError> {
        let unknown = |_| RowsError::UnknownTable { table: table.to_owned() };
        let _steady = self.app.definitions.steady().await;
        let known = self.app.catalog().writable(table).map_err(unknown)?;
        let rows = self.app.sink.rows(&known).await?;
        Ok(rows.iter().map(|row| rows::json(&known, row)).collect())
    }

    /// Arms a fault.
    pub fn inject(&self, fault: Fault) {
        self.app.faults.arm(fault);
    }

    /// Disarms every fault.
    pub fn clear_faults(&self) {
        self.app.faults.disarm_all();
    }

    /// The last thousand faults that struck, in order. Each line has the seed, the fault, the stream, the table and the
    /// position.
    #[must_use]
    pub fn struck_faults(&self) -> Vec<String> {
        self.app.faults.struck()
    }

    /// The last refusals, oldest first, with the text that the client received.
    #[must_use]
    pub fn refusals(&self) -> Vec<String> {
        self.app.activity.refusals()
    }

    /// Stops the emulator: asks every stream to end, stores and acks what has arrived, and returns when it is on disk.
    ///
    /// Streams that stay open are ended after [`Limits::shutdown_grace`].
    pub async fn shutdown(mut self) {
        // Without a receiver the server has already stopped.
        let _ = self.stop.send(true);
        // Connections hold a sender as well, so the wait needs a limit.
        let grace = self.app.limits.shutdown_grace + Duration::from_secs(1);
        drop(self.server);
        let sink = Arc::clone(&self.app.sink);
        drop(self.app);
        let end = Instant::now() + grace;
        if tokio::time::timeout_at(end, self.streams.recv()).await.is_err() {
            tracing::warn!("streams were still open when the emulator stopped; rows that were not acked may be lost");
        }
        let closed = async {
            // A table that is being created now would be created in a folder that is another emulator's, or removed.
            let _ = self.preparing.await;
            sink.close().await;
        };
        if tokio::time::timeout_at(end + Duration::from_secs(1), closed).await.is_err() {
            tracing::warn!("the disk was still busy when the emulator stopped; rows that were not acked may be lost");
        }
    }
}

impl Builder {
    /// Adds the tables of a JSON file, or of every `.json` file in a folder.
    ///
    /// A file holds one table as the tables API returns it (`zerobus-codegen fetch` writes such files), an array of
    /// tables, or a response of the list call.
    pub fn schemas(mut self, path: impl Into<PathBuf>) -> Self {
        self.schemas.push(path.into());
        self
    }

    /// Adds the tables of a file of CREATE TABLE statements, in Databricks SQL.
    #[cfg(feature = "ddl")]
    pub fn ddl(mut self, path: impl Into<PathBuf>) -> Self {
        self.ddl.push(path.into());
        self
    }

    /// Writes rows to Delta tables below this folder, `<data>/<catalog>/<schema>/<table>`. Existing tables are
    /// appended to.
    #[cfg(feature = "delta")]
    pub fn data(mut self, path: impl Into<PathBuf>) -> Self {
        self.data = Some(path.into());
        self
    }

    /// The longest time that a commit waits for rows of other requests and streams; 20 ms by default.
    ///
    /// The wait adapts: a client that waits for each ack is not delayed.
    #[cfg(feature = "delta")]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.storage.linger = linger;
        self
    }

    /// How closely the emulator follows the service's timing; [`Profile::Fast`] by default.
    #[cfg(feature = "delta")]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// With [`Profile::Service`], the time between the ack of a row and its commit to the table; 4.5 s by default.
    #[cfg(feature = "delta")]
    pub fn commit_interval(mut self, interval: Duration) -> Self {
        self.commit_interval = interval;
        self
    }

    /// The memory in bytes for rows of all tables that are not committed yet; 128 MiB by default.
    ///
    /// Streams wait while it is exhausted.
    #[cfg(feature = "delta")]
    pub fn memory(mut self, bytes: usize) -> Self {
        self.storage.memory = bytes;
        self
    }

    /// How long old versions of a table stay readable, for time travel.
    ///
    /// By default they stay for a minute, so that running queries can finish, or for some seconds if they take more
    /// space than the table itself.
    #[cfg(feature = "delta")]
    pub fn history(mut self, history: Duration) -> Self {
        self.storage.history = History::Keep(history);
        self
    }

    /// Serves HTTPS beside HTTP on the same port. The certificates are kept in this folder, and created if missing.
    ///
    /// Clients have to trust `ca.pem` in the folder: set `SSL_CERT_FILE` to it for Rust programs that use the system's
    /// roots, `REQUESTS_CA_BUNDLE` for Python's requests.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, folder: impl Into<PathBuf>) -> Self {
        self.tls = Some(folder.into());
        self
    }

    /// Listens on this address instead of a free port of the loopback interface.
    ///
    /// On an address that other machines can reach, requests for any host name are served, and the emulator's own paths
    /// (the page, the faults, the rows) require [`Emulator::control_token`].
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Listens on this port; 0 picks a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.address.set_port(port);
        self
    }

    /// The token of the emulator's own paths. By default none is required on the loopback interface, and a random one
    /// elsewhere.
    pub fn control_token(mut self, token: impl Into<String>) -> Self {
        self.control_token = Some(token.into());
        self
    }

    /// A token that is always valid, for every table and for the tables API. For clients whose headers are set by the
    /// test.
    pub fn fixed_token(mut self, token: impl Into<String>) -> Self {
        self.fixed_token = Some(token.into());
        self
    }

    /// The id of the client that gets tokens; `zerobus-emulator` by default.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.credentials.client_id = client_id.into();
        self
    }

    /// The secret of the client that gets tokens; random by default.
    pub fn client_secret(mut self, client_secret: impl Into<String>) -> Self {
        self.credentials.client_secret = client_secret.into();
        self
    }

    /// Adds a client that gets tokens.
    pub fn principal(mut self, client_id: impl Into<String>, client_secret: impl Into<String>) -> Self {
        self.principals.push(Credentials { client_id: client_id.into(), client_secret: client_secret.into() });
        self
    }

    /// Adds a file of GRANT statements. Principals have the granted privileges and no others.
    ///
    /// Without such a file every principal may write to every table.
    pub fn grants(mut self, path: impl Into<PathBuf>) -> Self {
        self.grants.push(path.into());
        self
    }

    /// Removes the entitlement Workspace access from a principal: it gets tokens, but its streams and rows are refused.
    pub fn without_workspace_access(mut self, client_id: impl Into<String>) -> Self {
        self.without_access.push(client_id.into());
        self
    }

    /// The limits of streams and tokens.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Arms a fault from the start.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// The seed of faults that strike at random; random by default.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Starts the emulator on the caller's runtime.
    ///
    /// # Errors
    /// If a table's JSON cannot be read, the data folder cannot be used, or the port is taken.
    pub async fn start(mut self) -> Result<Emulator, StartError> {
        self.apply_profile()?;
        let mut catalog = Catalog::default();
        self.schemas.iter().try_for_each(|path| catalog.read(path))?;
        #[cfg(feature = "ddl")]
        self.ddl.iter().try_for_each(|path| catalog.read_ddl(path))?;
        let mut grants = Grants::default();
        self.grants.iter().try_for_each(|path| grants.read(path))?;
        for principal in std::mem::take(&mut self.without_access) {
            grants.take_access(principal);
        }
        let sink = Arc::new(self.sink().await?);
        let definitions = Definitions::open(catalog, &sink).await;
        sink.recover(definitions.current().all_writable().collect()).await;
        #[cfg(feature = "tls")]
        let tls = self.tls.as_deref().map(tls::acceptor).transpose()?;
        let bind = |source| StartError::Bind { address: self.address, source };
        let listener = TcpListener::bind(self.address).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let (stop, stopping) = watch::channel(false);
        let (running, streams) = mpsc::channel(1);
        let fixed = self.fixed_token.map(|token| (token, self.credentials.client_id.clone()));
        let tokens = Tokens::new(self.limits.token_lifetime, fixed);
        let access = if address.ip().to_canonical().is_loopback() { Access::Loopback } else { Access::Network };
        let control_token = self.control_token.or_else(|| (access == Access::Network).then(|| random::text(32)));
        let app = App {
            access,
            control_token: control_token.map(Arc::from),
            activity: Arc::new(Activity::new()),
            definitions: Arc::new(definitions),
            principals: std::iter::once(self.credentials).chain(self.principals).collect(),
            faults: Arc::new(Faults::new(self.seed, self.faults)),
            partitions: Arc::new(PartitionQuota::new(self.limits.partitions_per_table)),
            grants: Arc::new(grants),
            leases: Leases::default(),
            limits: Arc::new(self.limits),
            sink,
            tags: Arc::default(),
            stopping,
            streams: running,
            #[cfg(feature = "tls")]
            tls,
            tokens: Arc::new(tokens),
        };
        let server = tokio::spawn(server::serve(app.clone(), listener));
        let tables = app.catalog().all_writable().collect();
        let preparing =
            tokio::spawn(prepare(Arc::clone(&app.sink), tables, Arc::clone(&app.activity), app.stopping.clone()));
        let scheme = app.scheme();
        Ok(Emulator { app, url: format!("{scheme}://{}", reachable(address)), stop, streams, server, preparing })
    }

    #[cfg(feature = "delta")]
    fn apply_profile(&mut self) -> Result<(), StartError> {
        if self.profile == Profile::Service {
            if self.data.is_none() {
                return Err(StartError::NoData);
            }
            self.storage.acks = Acks::BeforeCommit { gather: ACK_AFTER, interval: self.commit_interval };
            self.limits = std::mem::take(&mut self.limits).with_quotas_of_the_service();
        }
        Ok(())
    }

    #[cfg(not(feature = "delta"))]
    #[expect(clippy::unnecessary_wraps, reason = "with Delta tables it can fail")]
    fn apply_profile(&mut self) -> Result<(), StartError> {
        Ok(())
    }

    #[cfg(feature = "delta")]
    async fn sink(&self) -> Result<Sink, StartError> {
        let Some(path) = &self.data else { return Ok(Sink::Memory(Memory::default())) };
        let delta = crate::sink::delta::Delta::new(path, self.storage).await;
        delta.map(Sink::Delta).map_err(|source| StartError::Data { path: path.clone(), source })
    }

    #[cfg(not(feature = "delta"))]
    async fn sink(&self) -> Result<Sink, StartError> {
        Ok(Sink::Memory(Memory::default()))
    }
}

/// Creates missing tables and counts the rows of the others, while the emulator serves.
async fn prepare(sink: Arc<Sink>, tables: Vec<Arc<Table>>, activity: Arc<Activity>, stopping: watch::Receiver<bool>) {
    for table in tables {
        let name = table.name.to_string();
        let holding = sink.holding(&table).await;
        if app::is_stopped(&stopping) {
            return;
        }
        match (holding, sink.prepare(&table).await) {
            // Rows that arrived during the count would count twice.
            (Ok(holding), Ok(())) if activity.is_new(&name) => activity.found(&name, holding.rows),
            (Ok(_), Ok(())) => {}
            (Err(error), _) | (_, Err(error)) => {
                tracing::warn!(table = %name, error = %ErrorChain(&error), "a table cannot be used");
            }
        }
    }
}

/// An address under which this machine reaches the port, also if it listens on all addresses.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if !ip.is_unspecified() => address,
        IpAddr::V4(_) => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()),
        IpAddr::V6(_) => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), address.port()),
    }
}
