//! One set of receivers: sends letters, and turns what the mail server answers into what the outbox
//! must do.

use super::config::{ANSWER, Checked, KIND, Settings, WHOLE, check};
use super::wire;
use crate::OpenError;
use crate::errors::Errors;
use async_trait::async_trait;
use fillsync_core::id::ChannelName;
use fillsync_core::limits::{EMAIL, MessageLimits};
use fillsync_core::port::{Channel, ChannelError, Clock, Outgoing, Receipt};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use secrecy::ExposeSecret as _;
use std::sync::Arc;
use std::time::Duration;

/// One sender, and who it writes to.
pub struct Email {
    name: ChannelName,
    settings: Checked,
    errors: Errors,
    transport: AsyncSmtpTransport<Tokio1Executor>,
    clock: Arc<dyn Clock>,
}

impl Email {
    /// Checks the settings; connects to nobody.
    ///
    /// # Errors
    /// [`OpenError::Setting`] for an address, a host or certificates that can never work.
    pub fn open(
        name: ChannelName,
        settings: Settings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let settings = check(&name, settings)?;
        let mut builder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(settings.host.clone())
                .port(settings.port)
                .tls(settings.tls.clone())
                .timeout(Some(ANSWER));
        if let Some(login) = &settings.login {
            builder = builder.credentials(Credentials::new(
                login.user.clone(),
                login.password.expose_secret().to_owned(),
            ));
        }
        let secrets = settings.login.iter().map(|login| login.password.clone());
        Ok(Self {
            errors: Errors::new(
                name.clone(),
                format!("{}:{}", settings.host, settings.port),
                None,
                secrets.collect(),
            ),
            transport: builder.build(),
            name,
            settings,
            clock,
        })
    }

    /// What the outbox must do.
    fn judge(&self, error: &Error) -> ChannelError {
        let what = self.described(error);
        if error.is_transient() || error.is_timeout() {
            return self.errors.retry(&what);
        }
        let code = error.status().map(|code| code.to_string());
        if error.is_permanent() {
            let remedy = match code.as_deref() {
                Some("530" | "534" | "535" | "538") => {
                    "set user and password to a login of this server that may send mail"
                }
                Some("550" | "551" | "553" | "521" | "556") => {
                    "check from and to: the server takes no mail of the one, or for the other"
                }
                Some("552" | "523") => "the receiver's mailbox is full, or the letter too large",
                _ => "look at what the server says; check from, to, user and password",
            };
            return self.errors.dead(&what, remedy);
        }
        if error.is_client() {
            let remedy = if what.contains("STARTTLS") {
                "write tls = \"implicit\" (port 465), or ask for the server's right port"
            } else {
                "the server offers no way to log in that is known here: check port, tls, user and password"
            };
            return self.errors.dead(&what, remedy);
        }
        // The network, TLS, or an answer that was none: taken or not, nobody knows, so once more.
        self.errors.retry(&what)
    }

    /// From the kind down to the root cause, short and without secrets.
    fn described(&self, error: &Error) -> String {
        let mut cause: &dyn std::error::Error = error;
        while let Some(below) = cause.source() {
            cause = below;
        }
        let said = self.errors.quoted(&cause.to_string());
        let kind = if error.is_transient() {
            "the server refuses for now"
        } else if error.is_permanent() {
            "the server refuses"
        } else if error.is_timeout() {
            "no answer in time"
        } else if error.is_tls() || said.contains("certificate") {
            "the connection cannot be encrypted"
        } else if error.is_client() {
            "the server cannot do what is needed"
        } else {
            "no connection, or it broke off"
        };
        let code = error.status().map(|code| format!(" ({code})"));
        format!("{kind}{}: {said:?}", code.unwrap_or_default())
    }

    fn late(&self) -> ChannelError {
        self.errors.retry("the server took longer than a minute")
    }
}

#[async_trait]
impl Channel for Email {
    fn name(&self) -> &ChannelName {
        &self.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn limits(&self) -> &'static MessageLimits {
        &EMAIL
    }

    fn can_edit(&self) -> bool {
        false
    }

    /// A mail server says 4xx where it is too fast; a letter a second is nobody's flood.
    fn pace(&self) -> Duration {
        Duration::from_secs(1)
    }

    async fn send(&self, outgoing: &Outgoing) -> Result<Receipt, ChannelError> {
        let letter = wire::letter(&self.settings, outgoing, self.clock.now())?;
        match tokio::time::timeout(WHOLE, self.transport.send(letter)).await {
            Ok(Ok(_)) => Ok(Receipt::default()),
            Ok(Err(error)) => Err(self.judge(&error)),
            Err(_) => Err(self.late()),
        }
    }

    async fn edit(&self, _: &str, _: &Outgoing) -> Result<Receipt, ChannelError> {
        Err(self.errors.dead(
            "a letter cannot be edited",
            "send it as a letter of its own",
        ))
    }

    /// Connects, encrypts and logs in.
    async fn probe(&self) -> Result<Option<String>, ChannelError> {
        match tokio::time::timeout(WHOLE, self.transport.test_connection()).await {
            Ok(Ok(true)) if self.settings.login.is_some() => {
                Ok(Some("the server answers, and the login is good".to_owned()))
            }
            Ok(Ok(true)) => Ok(Some("the server answers".to_owned())),
            Ok(Ok(false)) => Err(self
                .errors
                .retry("the server answers, but takes no command")),
            Ok(Err(error)) => Err(self.judge(&error)),
            Err(_) => Err(self.late()),
        }
    }
}
