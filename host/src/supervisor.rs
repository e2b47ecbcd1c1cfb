//! What the service manager is told: that the daemon is ready, reads its files again, ends, and lives.
//!
//! The protocol is that of `sd_notify(3)`: one datagram of `NAME=value` lines to the socket that `NOTIFY_SOCKET`
//! names, a path or, behind `@`, an abstract name. Without the variable nobody is told anything. Where
//! the service manager set a watchdog (`WATCHDOG_USEC`), it wants to hear twice in that time that the
//! daemon lives. What "lives" means is not decided here.

use rustix::time::{ClockId, clock_gettime};
use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The most bytes of a status that are told.
const STATUS_BYTES_MAX: usize = 1_000;

/// The service manager's end.
#[derive(Debug)]
pub struct Supervisor {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

/// Why a service manager that announced itself cannot be told anything.
#[derive(Debug, thiserror::Error)]
#[error(
    "NOTIFY_SOCKET is {name:?}, and nothing can be sent there ({cause}); unset it, or run fillsync as a unit of Type=notify"
)]
pub struct Deaf {
    name: String,
    cause: std::io::Error,
}

impl Supervisor {
    /// Nobody.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            socket: None,
            watchdog: None,
        }
    }

    /// Whoever started this process, as its environment says.
    ///
    /// # Errors
    /// [`Deaf`] when a socket is named that does not take anything.
    pub fn from_environment() -> Result<Self, Deaf> {
        let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
        // A watchdog that was meant for another process is none of ours.
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC")
            .filter(|usec| is_ours && *usec > 0)
            .map(Duration::from_micros);
        match std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) {
            Some(name) => Self::at(name, watchdog),
            None => Ok(Self::none()),
        }
    }

    fn at(name: OsString, watchdog: Option<Duration>) -> Result<Self, Deaf> {
        let connected = || {
            let address = match name.as_bytes() {
                [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest)?,
                _ => SocketAddr::from_pathname(&name)?,
            };
            let socket = UnixDatagram::unbound()?;
            socket.connect_addr(&address)?;
            // A service manager that reads nothing must not stop the daemon.
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        match connected() {
            Ok(socket) => Ok(Self {
                socket: Some(socket),
                watchdog,
            }),
            Err(cause) => Err(Deaf {
                name: name.to_string_lossy().into_owned(),
                cause,
            }),
        }
    }

    /// How often it wants to hear that the daemon lives: twice in the time after which it acts.
    #[must_use]
    pub fn every(&self) -> Option<Duration> {
        self.socket.as_ref()?;
        self.watchdog.map(|watchdog| watchdog / 2)
    }

    /// The daemon does its work.
    pub fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={}", one_line(status)));
    }

    /// The daemon reads its files again; [`Supervisor::ready`] says when it is done.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let usec = now
            .tv_sec
            .saturating_mul(1_000_000)
            .saturating_add(now.tv_nsec / 1_000);
        self.tell(&format!(
            "RELOADING=1\nMONOTONIC_USEC={usec}\nSTATUS=reading the configuration again"
        ));
    }

    /// The daemon lives.
    pub fn alive(&self, status: &str) {
        self.tell(&format!("WATCHDOG=1\nSTATUS={}", one_line(status)));
    }

    /// The daemon runs, but not as it should: the watchdog is not answered.
    pub fn stuck(&self, why: &str) {
        self.tell(&format!("STATUS=stuck: {}", one_line(why)));
    }

    /// The daemon ends.
    pub fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=finishing what is under way");
    }

    fn tell(&self, state: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(state.as_bytes())
        {
            tracing::warn!(event = "supervisor_deaf", %error, "the service manager was not told");
        }
    }
}

/// A status is one line, and short.
fn one_line(status: &str) -> String {
    let mut line = String::new();
    for character in status.chars() {
        if line.len() >= STATUS_BYTES_MAX {
            line.push('…');
            break;
        }
        line.push(if character.is_control() {
            ' '
        } else {
            character
        });
    }
    line
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    /// A service manager's socket in a folder of its own.
    struct Manager {
        socket: UnixDatagram,
        folder: tempfile::TempDir,
    }

    impl Manager {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
            socket
                .set_read_timeout(Some(Duration::from_secs(5)))
                .unwrap();
            Self { socket, folder }
        }

        fn supervisor(&self, watchdog: Option<Duration>) -> Supervisor {
            let name = self.folder.path().join("notify").into_os_string();
            Supervisor::at(name, watchdog).unwrap()
        }

        fn heard(&self) -> String {
            let mut bytes = [0; 4096];
            let length = self.socket.recv(&mut bytes).unwrap();
            String::from_utf8(bytes[..length].to_vec()).unwrap()
        }
    }

    #[test]
    fn each_state_is_one_datagram_in_the_words_of_the_protocol() {
        let manager = Manager::new();
        let supervisor = manager.supervisor(Some(Duration::from_secs(60)));
        assert_eq!(supervisor.every(), Some(Duration::from_secs(30)));
        supervisor.ready("2 accounts\nREADY=0");
        // A line end in a status would be a line of its own.
        assert_eq!(manager.heard(), "READY=1\nSTATUS=2 accounts READY=0");
        supervisor.alive("all is well");
        assert_eq!(manager.heard(), "WATCHDOG=1\nSTATUS=all is well");
        supervisor.stuck("the ledger does not answer");
        assert_eq!(manager.heard(), "STATUS=stuck: the ledger does not answer");
        supervisor.stopping();
        assert!(manager.heard().starts_with("STOPPING=1\n"));
        let before = clock_gettime(ClockId::Monotonic).tv_sec;
        supervisor.reloading();
        let heard = manager.heard();
        let usec = heard
            .lines()
            .find_map(|line| line.strip_prefix("MONOTONIC_USEC="))
            .unwrap();
        let second = usec.parse::<i64>().unwrap() / 1_000_000;
        assert!((before..=before + 5).contains(&second), "{heard}");
        assert!(heard.starts_with("RELOADING=1\n"), "{heard}");
    }

    #[test]
    fn an_abstract_name_is_one_that_begins_with_an_at() {
        let name = format!("fillsync-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        let supervisor = Supervisor::at(format!("@{name}").into(), None).unwrap();
        supervisor.ready("up");
        let mut bytes = [0; 64];
        let length = socket.recv(&mut bytes).unwrap();
        assert_eq!(&bytes[..length], b"READY=1\nSTATUS=up");
        assert_eq!(supervisor.every(), None);
    }

    #[test]
    fn a_socket_that_is_not_there_is_named_with_what_to_do() {
        let error = Supervisor::at("/nowhere/at/all".into(), None).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("/nowhere/at/all") && text.contains("unset it"),
            "{text}"
        );
    }
}
