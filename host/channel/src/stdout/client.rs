//! The channel that writes to a sink.

use super::config::{KIND, Sink};
use super::wire;
use async_trait::async_trait;
use fillsync_core::id::ChannelName;
use fillsync_core::limits::{MessageLimits, STDOUT};
use fillsync_core::port::{Channel, ChannelError, Outgoing, Receipt};
use std::io::ErrorKind;
use std::sync::PoisonError;
use std::time::Duration;

/// Standard output, or what stands for it.
pub struct Stdout {
    name: ChannelName,
    sink: Sink,
}

impl Stdout {
    /// Writes to this sink from now on.
    #[must_use]
    pub fn open(name: ChannelName, sink: Sink) -> Self {
        Self { name, sink }
    }
}

#[async_trait]
impl Channel for Stdout {
    fn name(&self) -> &ChannelName {
        &self.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn limits(&self) -> &'static MessageLimits {
        &STDOUT
    }

    fn can_edit(&self) -> bool {
        false
    }

    fn pace(&self) -> Duration {
        Duration::ZERO
    }

    async fn send(&self, outgoing: &Outgoing) -> Result<Receipt, ChannelError> {
        let message = wire::message(outgoing)?;
        let sink = self.sink.clone();
        let written = tokio::task::spawn_blocking(move || {
            // A writer that panicked with the lock held has left no state behind that matters here.
            let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
            sink.write_all(&message)?;
            sink.flush()
        })
        .await;
        match written {
            Ok(Ok(())) => Ok(Receipt::default()),
            Ok(Err(error)) if error.kind() == ErrorKind::BrokenPipe => Err(ChannelError::Dead {
                what: format!(
                    "channel {}: nobody reads standard output any more",
                    self.name
                ),
                remedy: "start fillsync with a reader for its output, or remove this channel"
                    .to_owned(),
            }),
            Ok(Err(error)) => Err(ChannelError::Retry {
                what: format!(
                    "channel {}: standard output cannot be written ({error})",
                    self.name
                ),
            }),
            Err(_) => Err(ChannelError::Retry {
                what: format!(
                    "channel {}: the write to standard output was interrupted",
                    self.name
                ),
            }),
        }
    }

    async fn edit(&self, _: &str, _: &Outgoing) -> Result<Receipt, ChannelError> {
        Err(ChannelError::Dead {
            what: format!("channel {}: what is printed cannot be edited", self.name),
            remedy: "send it as a message of its own".to_owned(),
        })
    }

    async fn probe(&self) -> Result<Option<String>, ChannelError> {
        Ok(None)
    }
}
