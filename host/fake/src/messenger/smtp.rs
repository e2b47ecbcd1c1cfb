//! A fake mail server: SMTP with STARTTLS or TLS from the start, a login, and one mailbox for everybody.
//!
//! Promise: it keeps to the order of RFC 5321 (greeting, EHLO, encryption, login, MAIL, RCPT, DATA), takes no mail before
//! what was asked for (530), and keeps each letter as it came, with what it was sent over. Faults are replies to a
//! command, a silence, or a connection that breaks before or after a letter was taken. Passwords are compared and
//! forgotten. Deliberately absent: delivery, pipelining, and every login but PLAIN.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::Inbox;
pub use super::letter::Letter;
use super::letter::decode_base64;
use crate::clock::FakeClock;

/// The certificate that signed the server's: whoever trusts it, trusts the fake.
pub const SMTP_CA_PEM: &str = include_str!("../../certificates/ca.pem");
const SERVER_PEM: &str = include_str!("../../certificates/server.pem");
const SERVER_KEY_PEM: &str = include_str!("../../certificates/server.key.pem");

/// Longest line, and longest letter, that is read.
const LINE_BYTES_MAX: usize = 16 * 1024;
const LETTER_BYTES_MAX: usize = 4 << 20;

/// How connections are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// Not at all.
    None,
    /// By STARTTLS, which must come before mail.
    StartTls,
    /// From the start.
    Implicit,
}

/// How to start a [`FakeSmtp`].
#[derive(Clone, Debug)]
pub struct SmtpOptions {
    /// How connections are encrypted.
    pub tls: SmtpTls,
    /// User and password that must be shown before mail is taken.
    pub login: Option<(String, String)>,
}

/// What goes wrong, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmtpFault {
    /// This reply to the next command that begins with `to`; `""` is the greeting, `.` the end of a letter.
    Reply {
        /// The command.
        to: &'static str,
        /// The reply's code.
        code: u16,
        /// The reply's text.
        text: String,
    },
    /// A letter is taken, and the connection closes before that is said.
    LoseAnswer,
    /// The connection closes when a letter ends; it is not taken.
    DropLetter,
    /// Nothing is said to the next command that begins so; the connection stays open.
    Silence {
        /// The command.
        to: &'static str,
    },
}

/// A running fake mail server; dropping it closes the port and every connection.
pub struct FakeSmtp {
    address: SocketAddr,
    desk: Arc<Desk>,
    task: JoinHandle<()>,
}

struct Desk {
    options: SmtpOptions,
    clock: FakeClock,
    inbox: Inbox<Letter>,
    faults: Mutex<Vec<SmtpFault>>,
    tls: Option<TlsAcceptor>,
}

impl Drop for FakeSmtp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FakeSmtp {
    /// Binds loopback and serves until dropped.
    ///
    /// # Errors
    /// The port cannot be bound, or the certificates cannot be read.
    pub async fn start(options: SmtpOptions) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let tls = match options.tls {
            SmtpTls::None => None,
            SmtpTls::StartTls | SmtpTls::Implicit => Some(acceptor()?),
        };
        let desk = Arc::new(Desk {
            options,
            clock: FakeClock::system(),
            inbox: Inbox::default(),
            faults: Mutex::default(),
            tls,
        });
        let at_desk = Arc::clone(&desk);
        let task = tokio::spawn(async move {
            // Dropped with the task: then every connection closes.
            let mut sessions = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let desk = Arc::clone(&at_desk);
                sessions.spawn(async move {
                    // A client that breaks off is its own affair.
                    let _ = desk.serve(stream).await;
                });
                while sessions.try_join_next().is_some() {}
            }
        });
        Ok(Self {
            address,
            desk,
            task,
        })
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Adds a fault; they are met in the order in which they were added.
    pub fn fault(&self, fault: SmtpFault) {
        self.desk.faults().push(fault);
    }

    /// Every letter that was taken, oldest first.
    #[must_use]
    pub fn received(&self) -> Vec<Letter> {
        self.desk.inbox.all()
    }

    /// Waits for at least `count` letters and answers all there are; `Err` with those there are after `timeout`.
    ///
    /// # Errors
    /// The time passed first.
    pub async fn wait_for(
        &self,
        count: usize,
        timeout: Duration,
    ) -> Result<Vec<Letter>, Vec<Letter>> {
        let is_enough = |letters: &[Letter]| letters.len() >= count;
        match self.desk.inbox.wait(is_enough, timeout).await {
            (true, letters) => Ok(letters),
            (false, letters) => Err(letters),
        }
    }
}

fn acceptor() -> io::Result<TlsAcceptor> {
    let wrong = |error: &dyn std::fmt::Display| io::Error::other(error.to_string());
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(SERVER_PEM.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(&error))?;
    let key =
        PrivateKeyDer::from_pem_slice(SERVER_KEY_PEM.as_bytes()).map_err(|error| wrong(&error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| wrong(&error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// One connection's state.
#[derive(Default)]
struct Session {
    buffer: Vec<u8>,
    is_encrypted: bool,
    user: Option<String>,
    from: Option<String>,
    to: Vec<String>,
}

/// How a conversation goes on.
enum Next {
    GoOn,
    Upgrade,
    End,
}

impl Desk {
    fn faults(&self) -> std::sync::MutexGuard<'_, Vec<SmtpFault>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first fault that this covers, taken off the list.
    fn take(&self, covers: impl Fn(&SmtpFault) -> bool) -> Option<SmtpFault> {
        let mut faults = self.faults();
        let at = faults.iter().position(covers)?;
        Some(faults.remove(at))
    }

    async fn serve(&self, stream: tokio::net::TcpStream) -> io::Result<()> {
        let mut session = Session::default();
        match (&self.tls, self.options.tls) {
            (Some(tls), SmtpTls::Implicit) => {
                let mut stream = tls.accept(stream).await?;
                session.is_encrypted = true;
                self.greet(&mut stream).await?;
                self.talk(&mut stream, &mut session).await?;
            }
            (Some(tls), _) => {
                let mut stream = stream;
                self.greet(&mut stream).await?;
                if let Next::Upgrade = self.talk(&mut stream, &mut session).await? {
                    let mut stream = tls.accept(stream).await?;
                    session = Session {
                        is_encrypted: true,
                        ..Session::default()
                    };
                    self.talk(&mut stream, &mut session).await?;
                }
            }
            (None, _) => {
                let mut stream = stream;
                self.greet(&mut stream).await?;
                self.talk(&mut stream, &mut session).await?;
            }
        }
        Ok(())
    }

    async fn greet<S: AsyncWrite + Unpin>(&self, stream: &mut S) -> io::Result<()> {
        let planned = self.take(|fault| matches!(fault, SmtpFault::Reply { to: "", .. }));
        match planned {
            Some(SmtpFault::Reply { code, text, .. }) => say(stream, code, &text).await,
            _ => say(stream, 220, "mail.fake ESMTP").await,
        }
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        session: &mut Session,
    ) -> io::Result<Next> {
        loop {
            let Some(line) = session.line(stream).await? else {
                return Ok(Next::End);
            };
            let verb = line.get(..4).unwrap_or(&line).to_ascii_uppercase();
            let planned = self.take(|fault| match fault {
                SmtpFault::Reply { to, .. } | SmtpFault::Silence { to } => {
                    !to.is_empty() && *to != "." && verb.starts_with(to)
                }
                SmtpFault::LoseAnswer | SmtpFault::DropLetter => false,
            });
            match planned {
                Some(SmtpFault::Reply { code, text, .. }) => {
                    say(stream, code, &text).await?;
                    continue;
                }
                Some(SmtpFault::Silence { .. }) => {
                    std::future::pending::<()>().await;
                }
                _ => {}
            }
            match verb.as_str() {
                "EHLO" | "HELO" => self.hello(stream, session).await?,
                "STAR" if self.tls.is_some() && !session.is_encrypted => {
                    say(stream, 220, "go ahead").await?;
                    return Ok(Next::Upgrade);
                }
                "AUTH" => self.login(stream, session, &line).await?,
                "MAIL" => self.mail(stream, session, &line).await?,
                "RCPT" if session.from.is_some() => {
                    session.to.push(address(&line));
                    say(stream, 250, "2.1.5 ok").await?;
                }
                "DATA" if !session.to.is_empty() => {
                    if let Next::End = self.data(stream, session).await? {
                        return Ok(Next::End);
                    }
                }
                "RCPT" | "DATA" => say(stream, 503, "5.5.1 bad sequence of commands").await?,
                "NOOP" => say(stream, 250, "2.0.0 ok").await?,
                "RSET" => {
                    (session.from, session.to) = (None, Vec::new());
                    say(stream, 250, "2.0.0 ok").await?;
                }
                "QUIT" => {
                    say(stream, 221, "2.0.0 bye").await?;
                    return Ok(Next::End);
                }
                _ => say(stream, 502, "5.5.2 command not known").await?,
            }
        }
    }

    async fn hello<S: AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        session: &Session,
    ) -> io::Result<()> {
        let mut abilities = vec!["mail.fake", "8BITMIME", "SMTPUTF8"];
        if self.options.tls == SmtpTls::StartTls && !session.is_encrypted {
            abilities.push("STARTTLS");
        } else if self.options.login.is_some() {
            abilities.push("AUTH PLAIN");
        }
        let last = abilities.len() - 1;
        let lines = abilities.iter().enumerate().map(|(at, ability)| {
            let mark = if at == last { ' ' } else { '-' };
            format!("250{mark}{ability}\r\n")
        });
        stream
            .write_all(lines.collect::<String>().as_bytes())
            .await?;
        stream.flush().await
    }

    async fn login<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        session: &mut Session,
        line: &str,
    ) -> io::Result<()> {
        let mut words = line.split_whitespace().skip(1);
        if !words
            .next()
            .is_some_and(|way| way.eq_ignore_ascii_case("PLAIN"))
        {
            return say(stream, 504, "5.5.4 only PLAIN is known").await;
        }
        let code = match words.next() {
            Some(code) => code.to_owned(),
            None => {
                say(stream, 334, "").await?;
                session.line(stream).await?.unwrap_or_default()
            }
        };
        let plain = String::from_utf8(decode_base64(&code)).unwrap_or_default();
        let mut parts = plain.split('\0').skip(1);
        let shown = parts.next().zip(parts.next());
        match (&self.options.login, shown) {
            (Some((user, password)), Some(shown)) if shown == (user, password) => {
                session.user = Some(user.clone());
                say(stream, 235, "2.7.0 welcome").await
            }
            _ => say(stream, 535, "5.7.8 authentication failed").await,
        }
    }

    async fn mail<S: AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        session: &mut Session,
        line: &str,
    ) -> io::Result<()> {
        if self.tls.is_some() && !session.is_encrypted {
            return say(stream, 530, "5.7.0 must issue a STARTTLS command first").await;
        }
        if self.options.login.is_some() && session.user.is_none() {
            return say(stream, 530, "5.7.0 authentication required").await;
        }
        session.from = Some(address(line));
        session.to.clear();
        say(stream, 250, "2.1.0 ok").await
    }

    async fn data<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        session: &mut Session,
    ) -> io::Result<Next> {
        say(stream, 354, "end with a full stop").await?;
        let mut raw = String::new();
        loop {
            let Some(line) = session.line(stream).await? else {
                return Ok(Next::End);
            };
            if line == "." {
                break;
            }
            raw.push_str(line.strip_prefix('.').unwrap_or(&line));
            raw.push_str("\r\n");
            if raw.len() > LETTER_BYTES_MAX {
                say(stream, 552, "5.3.4 message too big").await?;
                return Ok(Next::End);
            }
        }
        let planned = self.take(|fault| match fault {
            SmtpFault::Reply { to, .. } | SmtpFault::Silence { to } => *to == ".",
            SmtpFault::LoseAnswer | SmtpFault::DropLetter => true,
        });
        match planned {
            Some(SmtpFault::DropLetter) => return Ok(Next::End),
            Some(SmtpFault::Reply { code, text, .. }) => {
                say(stream, code, &text).await?;
                return Ok(Next::GoOn);
            }
            Some(SmtpFault::Silence { .. }) => std::future::pending::<()>().await,
            Some(SmtpFault::LoseAnswer) | None => {}
        }
        self.inbox.push(Letter {
            from: session.from.take().unwrap_or_default(),
            to: std::mem::take(&mut session.to),
            raw,
            is_encrypted: session.is_encrypted,
            user: session.user.clone(),
            at_ms: self.clock.now_ms(),
        });
        if planned == Some(SmtpFault::LoseAnswer) {
            return Ok(Next::End);
        }
        say(stream, 250, "2.0.0 queued").await?;
        Ok(Next::GoOn)
    }
}

impl Session {
    /// The next line without its end; none where the client is gone.
    async fn line<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(end + 1);
                let line = std::mem::replace(&mut self.buffer, rest);
                let text = String::from_utf8_lossy(&line);
                return Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()));
            }
            if self.buffer.len() > LINE_BYTES_MAX || stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }
}

async fn say<S: AsyncWrite + Unpin>(stream: &mut S, code: u16, text: &str) -> io::Result<()> {
    stream
        .write_all(format!("{code} {text}\r\n").as_bytes())
        .await?;
    stream.flush().await
}

/// What stands between the angle brackets.
fn address(line: &str) -> String {
    let inside = line
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or_else(String::new, |(address, _)| address.to_owned())
}
