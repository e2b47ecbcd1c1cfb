//! What an e-mail channel needs.

use crate::OpenError;
use fillsync_core::id::ChannelName;
use lettre::message::Mailbox;
use lettre::transport::smtp::client::{Certificate, Tls as SmtpTls, TlsParameters};
use secrecy::SecretString;
use std::net::IpAddr;
use std::time::Duration;

/// `kind = "email"`.
pub const KIND: &str = "email";

/// The longest that one message may take, from the first byte to the last answer.
pub(super) const WHOLE: Duration = Duration::from_secs(60);
/// The longest wait for one answer of the server.
pub(super) const ANSWER: Duration = Duration::from_secs(20);

/// How the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// By STARTTLS, before anything else is said.
    StartTls,
    /// From the start.
    Implicit,
    /// Not at all: to this machine only.
    None,
}

impl Tls {
    const fn port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Implicit => 465,
            Self::None => 25,
        }
    }
}

/// Who logs in.
#[derive(Debug, Clone)]
pub struct Login {
    /// `user`.
    pub user: String,
    /// `password`.
    pub password: SecretString,
}

/// The settings of `kind = "email"`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `host`.
    pub host: String,
    /// `port`; that of the encryption where none is set.
    pub port: Option<u16>,
    /// `tls`.
    pub tls: Tls,
    /// The content of `ca_file`: certificates that are trusted beside those of this machine.
    pub ca_pem: Option<Vec<u8>>,
    /// `user` and `password`.
    pub login: Option<Login>,
    /// `from`.
    pub from: String,
    /// `to`.
    pub to: Vec<String>,
}

/// The settings once they are checked.
pub(super) struct Checked {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: SmtpTls,
    pub(super) login: Option<Login>,
    pub(super) from: Mailbox,
    pub(super) to: Vec<Mailbox>,
}

/// Checks what can be checked without asking the server.
pub(super) fn check(channel: &ChannelName, settings: Settings) -> Result<Checked, OpenError> {
    let wrong = |setting, what: String, remedy| OpenError::Setting {
        channel: channel.clone(),
        setting,
        what,
        remedy,
    };
    let mailbox = |setting, text: &str| {
        text.parse::<Mailbox>().map_err(|_| {
            wrong(
                setting,
                format!("{text:?} is no mail address"),
                "write it as in \"desk@example.com\" or \"fillsync <fillsync@example.com>\"",
            )
        })
    };
    let from = mailbox("from", &settings.from)?;
    let to = settings
        .to
        .iter()
        .map(|address| mailbox("to", address))
        .collect::<Result<Vec<_>, _>>()?;
    if to.is_empty() {
        return Err(wrong(
            "to",
            "is empty".to_owned(),
            "name at least one receiver",
        ));
    }
    let is_here = settings.host == "localhost"
        || settings
            .host
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.is_loopback());
    let unusable = |what: String| {
        wrong(
            "tls",
            format!("cannot be used ({what})"),
            "check ca_file, and the certificates of this machine",
        )
    };
    let parameters = || -> Result<TlsParameters, OpenError> {
        let mut builder = TlsParameters::builder(settings.host.clone());
        if let Some(pem) = &settings.ca_pem {
            let certificate = Certificate::from_pem(pem).map_err(|error| {
                wrong(
                    "ca_file",
                    format!("holds no certificates ({error})"),
                    "name a file with certificates in PEM form (-----BEGIN CERTIFICATE-----)",
                )
            })?;
            builder = builder.add_root_certificate(certificate);
        }
        builder.build().map_err(|error| unusable(error.to_string()))
    };
    let tls = match settings.tls {
        Tls::StartTls => SmtpTls::Required(parameters()?),
        Tls::Implicit => SmtpTls::Wrapper(parameters()?),
        Tls::None if is_here => SmtpTls::None,
        Tls::None => {
            return Err(wrong(
                "tls",
                format!("is \"none\", but {} is another machine", settings.host),
                "write \"starttls\" or \"implicit\"",
            ));
        }
    };
    Ok(Checked {
        port: settings.port.unwrap_or(settings.tls.port()),
        host: settings.host,
        tls,
        login: settings.login,
        from,
        to,
    })
}
