//! An alert as a person writes one: its kind, and what matters of it; the rest is a canned alert's.

use super::case::CaseError;
use super::fill_in::lay_over;
use super::view::{table, typed};
use crate::call::Target;
use crate::self_test;
use fillsync_core::alert::{Alert, AlertKind};
use fillsync_core::id::ChannelName;
use fillsync_core::limits;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A target as it is written. What it takes follows from its kind, as in the daemon.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WrittenTarget {
    channel: ChannelName,
    kind: String,
    edits: bool,
}

/// An alert from what was written of it: `body.kind` says which, "fill" where it says nothing.
pub(super) fn read(written: Value, at: &str) -> Result<Alert, CaseError> {
    let written = table(written, at)?;
    let kind = match written.get("body").and_then(|body| body.get("kind")) {
        Some(kind) => kind.clone(),
        None => json!(AlertKind::Fill),
    };
    let place = format!("{at}/body/kind");
    let kind: AlertKind = typed(kind, &place)?;
    let alerts = self_test::alerts().map_err(|error| CaseError::at(at, error.to_string()))?;
    let Some(canned) = alerts.into_iter().find(|alert| alert.kind() == kind) else {
        return Err(CaseError::at(
            &place,
            format!("there is no canned alert of the kind {kind}"),
        ));
    };
    let mut whole = typed::<Value>(json!(canned), at)?;
    lay_over(&mut whole, Value::Object(written), at)?;
    typed(whole, at)
}

/// A target from what was written of it: a channel "ops" that prints.
pub(super) fn read_target(written: Option<Value>, at: &str) -> Result<Target, CaseError> {
    let canned = self_test::target().map_err(|error| CaseError::at(at, error.to_string()))?;
    let mut whole = target_as_value(&canned);
    if let Some(written) = written {
        lay_over(&mut whole, written, at)?;
    }
    let WrittenTarget {
        channel,
        kind,
        edits,
    } = typed(whole, at)?;
    let Some(limits) = limits::ALL.iter().find(|limits| limits.kind == kind) else {
        let known: Vec<&str> = limits::ALL.iter().map(|limits| limits.kind).collect();
        return Err(CaseError::at(
            &format!("{at}/kind"),
            format!(
                "there is no channel of the kind {kind:?}; there are: {}",
                known.join(", ")
            ),
        ));
    };
    Ok(Target {
        channel,
        kind,
        limits: **limits,
        edits,
    })
}

pub(super) fn target_as_value(target: &Target) -> Value {
    json!(WrittenTarget {
        channel: target.channel.clone(),
        kind: target.kind.clone(),
        edits: target.edits,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use fillsync_core::alert::AlertBody;

    #[test]
    fn every_kind_has_a_whole_default() {
        for kind in AlertKind::ALL {
            let alert = read(json!({"body": {"kind": kind}}), "").unwrap();
            assert_eq!(alert.kind(), kind);
            let again = read(serde_json::to_value(&alert).unwrap(), "").unwrap();
            assert_eq!(again, alert);
        }
    }

    #[test]
    fn what_is_written_stands() {
        let written = json!({"account": {"name": "bot"}, "body": {"count": {"detected": 0}}});
        let alert = read(written, "").unwrap();
        assert_eq!(alert.account.unwrap().name.as_str(), "bot");
        let AlertBody::Fill(fill) = alert.body else {
            panic!("no fill")
        };
        assert_eq!(fill.count.detected, 0);
        let error = read(json!({"body": {"kind": "fil"}}), "/alert").unwrap_err();
        assert_eq!(error.place, "/alert/body/kind");
        assert!(error.what.contains("`fill`"), "{error}");
    }

    #[test]
    fn a_target_says_only_what_matters() {
        let target = read_target(Some(json!({"kind": "slack"})), "").unwrap();
        assert_eq!(
            (target.kind.as_str(), target.channel.as_str()),
            ("slack", "ops")
        );
        assert_eq!(target.limits, limits::SLACK);
        assert!(read_target(Some(json!({"knid": "slack"})), "").is_err());
        let error = read_target(Some(json!({"kind": "slak"})), "").unwrap_err();
        assert!(error.what.contains("slack"), "{error}");
    }
}
