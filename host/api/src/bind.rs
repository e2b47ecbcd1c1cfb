//! Where the server may listen: this machine freely, anywhere else only with a token.

use secrecy::{ExposeSecret as _, SecretString};
use std::net::SocketAddr;
use tokio::net::{TcpListener, lookup_host};

/// The setting of the address, as messages name it.
pub const LISTEN_SETTING: &str = "daemon.listen";

/// The setting of the token, as messages name it.
pub const TOKEN_SETTING: &str = "daemon.api_token";

/// The shortest token, in bytes: 16 random bytes in hex have twice as many.
pub const TOKEN_BYTES_MIN: usize = 16;

/// The most addresses of one host name that are looked at.
const ADDRESSES_MAX: usize = 16;

/// Why the server does not listen. Each message names the setting and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address cannot be understood: write another.
    #[error(
        "{LISTEN_SETTING} = {address:?} is no address ({cause}); write it as \"127.0.0.1:8080\""
    )]
    NoAddress {
        /// What stood there.
        address: String,
        /// What the system said.
        cause: String,
    },
    /// Others could read the ledger: set a token, or listen on this machine only.
    #[error(
        "{LISTEN_SETTING} = {address:?} can be reached from other machines and no token is set; \
         set {TOKEN_SETTING} = {{ env = \"…\" }}, or listen on 127.0.0.1"
    )]
    Open {
        /// What stood there.
        address: String,
    },
    /// The token can be guessed: set a longer one.
    #[error(
        "{TOKEN_SETTING} has {bytes} bytes; at least {TOKEN_BYTES_MIN} are needed, as `openssl rand -hex 32` makes them"
    )]
    WeakToken {
        /// Its length.
        bytes: usize,
    },
    /// The system does not let us listen there: free the port, or choose another.
    #[error(
        "{LISTEN_SETTING} = {address:?} cannot be listened on ({cause}); free it or choose another port"
    )]
    Refused {
        /// What stood there.
        address: String,
        /// What the system said.
        cause: String,
    },
}

/// Listens on an address such as `127.0.0.1:8080`. Port 0 takes any free one.
///
/// # Errors
/// [`BindError`]; nothing is listened on then.
pub async fn bind(address: &str, token: Option<&SecretString>) -> Result<TcpListener, BindError> {
    if let Some(bytes) = token
        .map(|token| token.expose_secret().len())
        .filter(|bytes| *bytes < TOKEN_BYTES_MIN)
    {
        return Err(BindError::WeakToken { bytes });
    }
    let addresses: Vec<SocketAddr> = lookup_host(address)
        .await
        .map_err(|cause| BindError::NoAddress {
            address: address.to_owned(),
            cause: cause.to_string(),
        })?
        .take(ADDRESSES_MAX)
        .collect();
    if token.is_none()
        && !addresses
            .iter()
            .all(|address| address.ip().to_canonical().is_loopback())
    {
        return Err(BindError::Open {
            address: address.to_owned(),
        });
    }
    TcpListener::bind(addresses.as_slice())
        .await
        .map_err(|cause| BindError::Refused {
            address: address.to_owned(),
            cause: cause.to_string(),
        })
}
