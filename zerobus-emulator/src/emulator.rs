//! The emulator in process: built, started, asked for its rows, shut down.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use zerobus_codegen::{Printable, TableName};

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

/// How long the service gathers rows before it acks them.
#[cfg(feature = "delta")]
const ACK_AFTER: Duration = Duration::from_millis(150);
/// How long rows are acked and not in their table, at the service.
#[cfg(feature = "delta")]
const COMMIT_INTERVAL: Duration = Duration::from_millis(4_500);

/// Why an emulator does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The port is taken, or not allowed.
    #[error("cannot listen on {address}; choose another port, or 0 for a free one")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The tables cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The grants cannot be read.
    #[error(transparent)]
    Grants(#[from] GrantsError),
    /// The data folder cannot be used.
    #[error("the data folder {} cannot be used; name one that can be written to", .path.display())]
    Data {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The profile acks rows before they are in their table, and there is no folder to keep them in.
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

/// Why rows cannot be read back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RowsError {
    /// The table cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// No table of this name can hold rows.
    #[error("table {} is not one of this emulator's that take rows; give its JSON to Builder::schemas", Printable(.table))]
    UnknownTable {
        /// The name asked for.
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
/// An emulator that is dropped without [`shutdown`](Self::shutdown) stops listening; rows on their way may be lost, as
/// none of them was acked.
#[derive(Debug)]
pub struct Emulator {
    app: App,
    url: String,
    stop: watch::Sender<bool>,
    /// Ends when the last stream has ended.
    streams: mpsc::Receiver<()>,
    server: JoinHandle<()>,
}

/// How an [`Emulator`] is to be.
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
    /// An emulator without tables, on a free port of the loopback interface, that keeps rows in memory.
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

    /// The token that the emulator's own paths ask for, if they ask for one: `authorization: Bearer <token>`.
    #[must_use]
    pub fn control_token(&self) -> Option<&str> {
        self.app.control_token.as_deref()
    }

    /// The full names of all tables, those that take no rows included.
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

    /// The folder of a table's Delta table, which is made soon after the start; none without a data folder, and
    /// for what is no table's full name.
    #[must_use]
    pub fn table_path(&self, table: &str) -> Option<PathBuf> {
        if let Some(Ok(known)) = self.app.catalog().entry(table).map(|entry| entry.table.as_ref()) {
            return self.app.sink.path(&known.name);
        }
        let name: TableName = table.parse().ok()?;
        self.app.sink.path(&name)
    }

    /// Every row that is stored in the table, in the order in which they were committed, as one JSON object a row.
    ///
    /// TIMESTAMP and TIMESTAMP_NTZ are integers (microseconds), DATE an integer (days), DECIMAL and VARIANT strings
    /// (a VARIANT's is JSON text), BINARY a string (base64), a MAP an object; floats that are not finite are strings.
    ///
    /// # Errors
    /// If the table is not known, takes no rows, or cannot be read.
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

    /// The last thousand faults that have struck, in order, one a line: seed, fault, stream, table and place.
    #[must_use]
    pub fn struck_faults(&self) -> Vec<String> {
        self.app.faults.struck()
    }

    /// The last refusals, oldest first, in the words that the clients got.
    #[must_use]
    pub fn refusals(&self) -> Vec<String> {
        self.app.activity.refusals()
    }

    /// Stops: asks every stream to end, stores and acks what has arrived, and returns when all is on the disk.
    ///
    /// Streams that do not end by themselves are ended after [`Limits::shutdown_grace`].
    pub async fn shutdown(mut self) {
        // Without a receiver there is nothing left to stop.
        let _ = self.stop.send(true);
        // The server and its connections hold a sender too, hence the limit.
        let grace = self.app.limits.shutdown_grace + Duration::from_secs(1);
        drop(self.server);
        let sink = Arc::clone(&self.app.sink);
        drop(self.app);
        let drained = async {
            self.streams.recv().await;
            sink.close().await;
        };
        if tokio::time::timeout(grace, drained).await.is_err() {
            tracing::warn!(
                "streams were still open when the emulator stopped; what they had not been acked may be lost"
            );
        }
    }
}

impl Builder {
    /// Adds the tables of a JSON file, or of every `.json` file in a folder.
    ///
    /// A file holds a table as the tables API returns it (what `zerobus-codegen fetch` writes), an array of tables, or
    /// a whole answer of the list call.
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

    /// Writes rows to Delta tables below this folder, `<data>/<catalog>/<schema>/<table>`; what is already there
    /// goes on.
    #[cfg(feature = "delta")]
    pub fn data(mut self, path: impl Into<PathBuf>) -> Self {
        self.data = Some(path.into());
        self
    }

    /// The longest that a commit waits for rows of other requests and streams; 20 ms if not set.
    ///
    /// The wait adapts: there is none for a client that waits for each ack.
    #[cfg(feature = "delta")]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.storage.linger = linger;
        self
    }

    /// How close to the service the emulator is; [`Profile::Fast`] if not set.
    #[cfg(feature = "delta")]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// How long rows are acked and not in their table with [`Profile::Service`]; 4.5 s if not set.
    #[cfg(feature = "delta")]
    pub fn commit_interval(mut self, interval: Duration) -> Self {
        self.commit_interval = interval;
        self
    }

    /// The memory in bytes that rows of all tables may take before they are committed; 128 MiB if not set.
    ///
    /// Streams wait while it is used up.
    #[cfg(feature = "delta")]
    pub fn memory(mut self, bytes: usize) -> Self {
        self.storage.memory = bytes;
        self
    }

    /// How long old versions of a table stay readable, for time travel.
    ///
    /// If not set, they stay for the minute that a reader at work may need them, or for some seconds if they take more
    /// room than the table itself.
    #[cfg(feature = "delta")]
    pub fn history(mut self, history: Duration) -> Self {
        self.storage.history = History::Keep(history);
        self
    }

    /// Serves HTTPS beside HTTP on the same port, with certificates that are kept in this folder and made there at
    /// first.
    ///
    /// Clients trust `ca.pem` in the folder: `SSL_CERT_FILE` names it to Rust programs that use the system's roots,
    /// `REQUESTS_CA_BUNDLE` to Python's requests.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, folder: impl Into<PathBuf>) -> Self {
        self.tls = Some(folder.into());
        self
    }

    /// Listens on this address instead of a free port of the loopback interface.
    ///
    /// On an address that other machines reach, requests for any name are served, and the emulator's own paths (the
    /// page, the faults, the rows) ask for [`Emulator::control_token`].
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Listens on this port; 0 is a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.address.set_port(port);
        self
    }

    /// The token of the emulator's own paths, instead of none on the loopback interface and a random one elsewhere.
    pub fn control_token(mut self, token: impl Into<String>) -> Self {
        self.control_token = Some(token.into());
        self
    }

    /// A token that is always valid, for every table and for the tables API: for clients whose headers a test sets
    /// itself.
    pub fn fixed_token(mut self, token: impl Into<String>) -> Self {
        self.fixed_token = Some(token.into());
        self
    }

    /// The id of the client that gets tokens.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.credentials.client_id = client_id.into();
        self
    }

    /// The secret of the client that gets tokens, instead of a random one.
    pub fn client_secret(mut self, client_secret: impl Into<String>) -> Self {
        self.credentials.client_secret = client_secret.into();
        self
    }

    /// Another client that gets tokens.
    pub fn principal(mut self, client_id: impl Into<String>, client_secret: impl Into<String>) -> Self {
        self.principals.push(Credentials { client_id: client_id.into(), client_secret: client_secret.into() });
        self
    }

    /// A file of GRANT statements: principals may do what these say, and nothing else.
    ///
    /// Without one every principal may write to every table.
    pub fn grants(mut self, path: impl Into<PathBuf>) -> Self {
        self.grants.push(path.into());
        self
    }

    /// Takes the entitlement Workspace access from a principal: it gets tokens, and its streams and rows are refused.
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

    /// The seed of faults that strike at random; random if omitted.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Starts the emulator on the runtime of the caller.
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
        tokio::spawn(prepare(app.clone()));
        let scheme = app.scheme();
        Ok(Emulator { app, url: format!("{scheme}://{}", reachable(address)), stop, streams, server })
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

/// Makes the tables that are missing, and counts the rows of the others, while the emulator serves.
async fn prepare(app: App) {
    let tables: Vec<_> = app.catalog().all_writable().collect();
    let App { sink, activity, mut stopping, .. } = app;
    let work = async {
        for table in tables {
            let name = table.name.to_string();
            match (sink.holding(&table).await, sink.prepare(&table).await) {
                // Rows that came while they were counted would count twice.
                (Ok(holding), Ok(())) if activity.is_new(&name) => activity.found(&name, holding.rows),
                (Ok(_), Ok(())) => {}
                (Err(error), _) | (_, Err(error)) => {
                    tracing::warn!(table = %name, error = %ErrorChain(&error), "a table cannot be used");
                }
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = app::stopped(&mut stopping) => {}
    }
}

/// The address under which this machine reaches itself: not all addresses at once.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if !ip.is_unspecified() => address,
        IpAddr::V4(_) => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()),
        IpAddr::V6(_) => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), address.port()),
    }
}
