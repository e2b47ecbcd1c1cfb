//! `fillsync:plugin@1.x`, as this host asks it: card, settings, and the two questions.
//!
//! The version is frozen (`wit/v1`): components built against its first day are kept and asked in a
//! test. Answers are taken over as they come and checked by the caller, the same for every version.

pub(crate) mod bindings;
mod convert;

pub(crate) use bindings::{FormatterPluginPre, StrategyPluginPre};

use crate::call::{RawInfo, Remark, Session, Target, refuse, step};
use crate::error::{CallError, one_line};
use crate::store::Call;
use bindings::formatter::exports::fillsync::plugin::formatter::FormatterError;
use bindings::strategy::exports::fillsync::plugin::strategy::StrategyError;
use fillsync_core::alert::Alert;
use fillsync_core::message::Rendered;
use fillsync_core::view::View;

/// A strategy's row, unchecked: account, count, note.
pub(crate) type RawShown = (String, u32, Option<String>);

/// Asks an instance for its card. `$world` names the module of the generated types.
macro_rules! described {
    ($session:ident, $pre:ident, $world:ident) => {{
        use bindings::$world::exports::fillsync::plugin::description::Kind;
        let plugin = step!($session, $pre.instantiate(&mut $session.store));
        let info = step!(
            $session,
            plugin
                .fillsync_plugin_description()
                .call_describe(&mut $session.store)
        );
        Ok(RawInfo {
            name: info.name,
            version: info.version,
            is_strategy: matches!(info.kind, Kind::Strategy),
            summary: info.summary,
            settings_schema: info.settings_schema,
            attributes: info.attributes,
        })
    }};
}

/// Gives an instance its settings, as every question does first.
macro_rules! configured {
    ($session:ident, $plugin:ident, $settings:ident, $world:ident) => {{
        use bindings::$world::exports::fillsync::plugin::settings::Severity;
        let remarks = step!(
            $session,
            $plugin
                .fillsync_plugin_settings()
                .call_configure(&mut $session.store, $settings)
        );
        remarks
            .into_iter()
            .map(|remark| Remark {
                path: one_line(&remark.path),
                is_error: matches!(remark.severity, Severity::Error),
                message: one_line(&remark.message),
            })
            .collect::<Vec<Remark>>()
    }};
}

pub(crate) fn describe_strategy(
    session: &mut Session<'_>,
    pre: &StrategyPluginPre<Call>,
) -> Result<RawInfo, CallError> {
    described!(session, pre, strategy)
}

pub(crate) fn describe_formatter(
    session: &mut Session<'_>,
    pre: &FormatterPluginPre<Call>,
) -> Result<RawInfo, CallError> {
    described!(session, pre, formatter)
}

pub(crate) fn configure_strategy(
    session: &mut Session<'_>,
    pre: &StrategyPluginPre<Call>,
    settings: &str,
) -> Result<Vec<Remark>, CallError> {
    let plugin = step!(session, pre.instantiate(&mut session.store));
    Ok(configured!(session, plugin, settings, strategy))
}

pub(crate) fn configure_formatter(
    session: &mut Session<'_>,
    pre: &FormatterPluginPre<Call>,
    settings: &str,
) -> Result<Vec<Remark>, CallError> {
    let plugin = step!(session, pre.instantiate(&mut session.store));
    Ok(configured!(session, plugin, settings, formatter))
}

/// Asks a strategy what is shown.
pub(crate) fn decide(
    session: &mut Session<'_>,
    pre: &StrategyPluginPre<Call>,
    settings: &str,
    view: &View,
) -> Result<Vec<RawShown>, CallError> {
    let plugin = step!(session, pre.instantiate(&mut session.store));
    refuse(configured!(session, plugin, settings, strategy))?;
    let question = convert::view(view);
    let answer = step!(
        session,
        plugin
            .fillsync_plugin_strategy()
            .call_decide(&mut session.store, &question)
    );
    let decision = answer.map_err(|error| match error {
        StrategyError::Undecided(reason) => CallError::Undecided {
            reason: one_line(&reason),
        },
        StrategyError::InvalidView(reason) => CallError::Failed {
            reason: one_line(&format!("it cannot read the view: {reason}")),
        },
        StrategyError::Internal(reason) => CallError::Failed {
            reason: one_line(&reason),
        },
    })?;
    Ok(decision
        .shown
        .into_iter()
        .map(|row| (row.account, row.count, row.note))
        .collect())
}

/// Asks a formatter how an alert looks.
pub(crate) fn format(
    session: &mut Session<'_>,
    pre: &FormatterPluginPre<Call>,
    settings: &str,
    alert: &Alert,
    target: &Target,
) -> Result<Rendered, CallError> {
    let plugin = step!(session, pre.instantiate(&mut session.store));
    refuse(configured!(session, plugin, settings, formatter))?;
    let event = convert::event(alert);
    let to = convert::target(target);
    let answer = step!(
        session,
        plugin
            .fillsync_plugin_formatter()
            .call_format(&mut session.store, &event, &to)
    );
    let rendered = answer.map_err(|error| match error {
        FormatterError::Unsupported(reason) => CallError::Unsupported {
            reason: one_line(&reason),
        },
        FormatterError::InvalidAlert(reason) => CallError::Failed {
            reason: one_line(&format!("it cannot read the alert: {reason}")),
        },
        FormatterError::Internal(reason) => CallError::Failed {
            reason: one_line(&reason),
        },
    })?;
    Ok(convert::rendered(rendered))
}
