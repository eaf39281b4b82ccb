//! One connection to the store, on the thread that opened it.
//!
//! Calls of the same moment travel together: the crate's connection writes whatever is waiting in one piece and matches
//! the answers by their order. Its own deadlines and retries are never the ones that count; the caller's are.

use std::{sync::Arc, time::Duration};

use redis::{
    AsyncConnectionConfig, Cmd, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisConnectionInfo,
    RedisError, RedisResult, ServerErrorKind, TlsMode, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster::{ClusterClient, ClusterClientBuilder},
    cluster_async::ClusterConnection,
};
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    script::{self, Ask, Grant, Script},
    settings::{self, Origin},
    url::RedisUrl,
};
use crate::upstream::config::HostName;

/// For a connection with TLS and login. Requests do not wait for it: until it stands, `on_failure` holds.
pub const CONNECT: Duration = Duration::from_secs(1);

/// Calls that may wait to be written. More wait in their own turn, and their deadline ends that.
const QUEUE: usize = 4096;

/// Opens connections.
#[derive(Debug, Clone)]
pub struct Connector(Arc<Target>);

enum Target {
    Server { url: RedisUrl, login: RedisConnectionInfo, tls: Option<(TlsConnector, ServerName<'static>)> },
    Cluster(Box<ClusterClient>),
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Server { url, .. } => write!(f, "Server({url})"),
            Self::Cluster(_) => f.write_str("Cluster"),
        }
    }
}

/// An open connection; clones share it. It is closed with the last of them.
#[derive(Clone)]
pub enum Connection {
    /// To one server, and what ends the task that reads and writes.
    Server(MultiplexedConnection, #[expect(dead_code, reason = "dropping it is its use")] Arc<DropGuard>),
    /// To all nodes of a cluster.
    Cluster(ClusterConnection),
}

impl Connector {
    /// To these servers.
    pub fn new(origin: &Origin) -> Result<Self, String> {
        let first = origin.servers.first().ok_or("no server is named; add `url`")?;
        let target = if origin.is_cluster {
            let client = cluster(origin, first).map_err(|error| format!("{error}; check the addresses"))?;
            Target::Cluster(Box::new(client))
        } else {
            let tls = first.tls.then(|| server_tls(origin, first)).transpose()?;
            Target::Server { url: first.clone(), login: login(first), tls }
        };
        Ok(Self(Arc::new(target)))
    }

    /// Connects and logs in. On the current runtime, which then reads and writes.
    pub async fn connect(&self) -> RedisResult<Connection> {
        match &*self.0 {
            Target::Cluster(client) => Ok(Connection::Cluster(client.get_async_connection().await?)),
            Target::Server { url, login, tls } => {
                let socket = match &url.host {
                    HostName::Address(address) => TcpStream::connect((*address, url.port)).await?,
                    HostName::Name(name) => TcpStream::connect((&**name, url.port)).await?,
                };
                socket.set_nodelay(true)?;
                match tls {
                    None => open(login, socket).await,
                    Some((tls, name)) => open(login, tls.connect(name.clone(), socket).await?).await,
                }
            }
        }
    }
}

async fn open<S>(login: &RedisConnectionInfo, stream: S) -> RedisResult<Connection>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let config = AsyncConnectionConfig::new().set_response_timeout(None).set_pipeline_buffer_size(QUEUE);
    let (connection, driver) = MultiplexedConnection::new_with_config(login, stream, config).await?;
    // The driver waits for answers to all that was sent, which a server that hangs never gives.
    let end = CancellationToken::new();
    tokio::spawn(end.clone().run_until_cancelled_owned(driver));
    Ok(Connection::Server(connection, Arc::new(end.drop_guard())))
}

fn login(url: &RedisUrl) -> RedisConnectionInfo {
    let mut login = RedisConnectionInfo::default()
        .set_db(url.database.into())
        .set_lib_name("glassgate", env!("CARGO_PKG_VERSION"));
    if let Some(user) = &url.user {
        login = login.set_username(user);
    }
    if let Some(password) = &url.password {
        login = login.set_password(password.expose());
    }
    login
}

fn server_tls(origin: &Origin, url: &RedisUrl) -> Result<(TlsConnector, ServerName<'static>), String> {
    let config = settings::tls(origin.ca())?;
    let name = ServerName::try_from(url.host.server_name())
        .map_err(|_| "the server's name cannot stand in a certificate; write another name".to_owned())?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

fn cluster(origin: &Origin, first: &RedisUrl) -> RedisResult<ClusterClient> {
    let node = |url: &RedisUrl| {
        let (host, port) = (url.host.server_name(), url.port);
        let address = match url.tls {
            true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
            false => ConnectionAddr::Tcp(host, port),
        };
        Ok(address.into_connection_info()?.set_redis_settings(login(url)))
    };
    let nodes = origin.servers.iter().map(node).collect::<RedisResult<Vec<_>>>()?;
    let mut builder = ClusterClientBuilder::new(nodes)
        .connection_timeout(CONNECT)
        // Also for the map of slots. Callers have given up long before.
        .response_timeout(CONNECT)
        // Milliseconds. A redirection is followed at once; who waited longer than this has given up, too.
        .retries(2)
        .min_retry_wait(5)
        .max_retry_wait(50);
    if first.tls {
        builder = builder.tls(TlsMode::Secure);
        if let Some(ca) = origin.ca() {
            builder = builder
                .certs(redis::TlsCertificates { client_tls: None, root_cert: Some(ca.pem().to_vec()) });
        }
    }
    builder.build()
}

impl Connection {
    /// Decides all asks: in one round trip; on a cluster one for each, at the same time.
    pub async fn spend(&self, script: &Script, asks: &[Ask]) -> RedisResult<Vec<Grant>> {
        match self {
            Self::Server(connection, _) => spend(&mut connection.clone(), script, asks).await,
            Self::Cluster(connection) => {
                let each = asks.iter().map(|ask| {
                    let mut connection = connection.clone();
                    async move { spend(&mut connection, script, std::slice::from_ref(ask)).await }
                });
                Ok(futures::future::try_join_all(each).await?.concat())
            }
        }
    }
}

async fn spend(
    connection: &mut impl ConnectionLike,
    script: &Script,
    asks: &[Ask],
) -> RedisResult<Vec<Grant>> {
    let answer = match call(connection, &script.by_hash(asks)).await {
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
            call(connection, &script.whole(asks)).await?
        }
        answer => answer?,
    };
    script::grants(answer, asks.len())
}

async fn call(connection: &mut impl ConnectionLike, command: &Cmd) -> Result<Value, RedisError> {
    connection.req_packed_command(command).await?.extract_error()
}

/// Whether a connection is of no use after this error: gone, or to a server that takes no writes any more.
pub fn is_fatal(error: &RedisError) -> bool {
    let refuses_writes = matches!(
        error.kind(),
        ErrorKind::Server(
            ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown | ServerErrorKind::BusyLoading
        )
    );
    refuses_writes || error.is_unrecoverable_error() || error.is_connection_dropped()
}
