//! What each channel needs and, where its receiver can be asked without a message, what it says.
//!
//! A secret that is missing and a receiver that refuses keep the daemon's alerts from arriving, so they
//! are errors; a receiver that does not answer just now is a warning, because the daemon tries again.

use super::check::{Findings, Grade};
use crate::app::{self, SystemClock};
use fillsync_channel::Surroundings;
use fillsync_config::Channel as ChannelConfig;
use fillsync_core::port::ChannelError;
use std::sync::Arc;

/// Opens a channel and asks its receiver.
pub(super) async fn ask(channel: &ChannelConfig, offline: bool, findings: &mut Findings) {
    let name = &channel.name;
    let about = format!("channel {name}");
    let kind = channel.kind.as_str();
    let mut warnings = Vec::new();
    let opened = Surroundings::new(Arc::new(SystemClock))
        .map_err(anyhow::Error::from)
        .and_then(|surroundings| app::open_alone(channel, &surroundings, &mut warnings));
    for warning in warnings {
        findings.add(Grade::Warning, about.as_str(), warning);
    }
    let opened = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let error = format!("{error:#}");
            let text = error.strip_prefix(&format!("{about}: ")).unwrap_or(&error);
            findings.add(Grade::Error, about, text);
            return;
        }
    };
    let needs = needs(channel);
    if offline {
        findings.add(Grade::Ok, about, format!("{kind}{needs}; not asked"));
        return;
    }
    match opened.probe().await {
        Ok(Some(said)) => findings.add(Grade::Ok, about, format!("{kind}{needs}; {said}")),
        Ok(None) => findings.add(
            Grade::Ok,
            about,
            format!(
                "{kind}{needs}; it cannot be asked without a message: `fillsync alerts test {name}` sends one"
            ),
        ),
        Err(ChannelError::Dead { what, remedy }) => {
            findings.add(Grade::Error, about, format!("{what}; {remedy}"));
        }
        Err(error) => findings.add(
            Grade::Warning,
            about,
            format!("{error}; the daemon would try again"),
        ),
    }
}

/// Where its secrets come from, which are there.
fn needs(channel: &ChannelConfig) -> String {
    let secrets: Vec<String> = channel
        .kind
        .secrets()
        .into_iter()
        .map(|(key, source)| format!("{key} from {source}"))
        .collect();
    if secrets.is_empty() {
        String::new()
    } else {
        format!(", {}", secrets.join(", "))
    }
}
