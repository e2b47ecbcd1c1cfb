//! A later version of `strategy`, as a second published version would be spoken: in tests only.
//!
//! It has what a module beside [`super::v1`] needs: types of its own for the interface that changed,
//! the first version's for the rest, and a conversion upward to the core's one kind of answer.

mod bindings {
    #![allow(missing_docs, unreachable_pub, clippy::all)]

    wasmtime::component::bindgen!({
        path: ["../../wit/v1", "../../tests/next-plugins/wit"],
        world: "fillsync:plugin/strategy-plugin@2.0.0",
        with: {
            "fillsync:plugin/log@1.0.0": crate::contract::v1::bindings::strategy::fillsync::plugin::log,
            "fillsync:plugin/types@1.0.0": crate::contract::v1::bindings::strategy::fillsync::plugin::types,
        },
    });
}

pub(crate) use bindings::StrategyPluginPre;

use crate::call::{RawInfo, Remark, Session, step};
use crate::contract::v1::RawShown;
use crate::contract::v1::bindings::strategy::fillsync::plugin::types;
use crate::error::{CallError, one_line};
use crate::store::Call;
use bindings::exports::fillsync::plugin1_0_0::description::Kind;
use bindings::exports::fillsync::plugin1_0_0::settings::Severity;
use bindings::exports::fillsync::plugin2_0_0::strategy as ask;
use fillsync_core::view::{Role, View};

pub(crate) fn describe(
    session: &mut Session<'_>,
    pre: &StrategyPluginPre<Call>,
) -> Result<RawInfo, CallError> {
    let plugin = step!(session, pre.instantiate(&mut session.store));
    let info = step!(
        session,
        plugin
            .fillsync_plugin1_0_0_description()
            .call_describe(&mut session.store)
    );
    Ok(RawInfo {
        name: info.name,
        version: info.version,
        is_strategy: matches!(info.kind, Kind::Strategy),
        summary: info.summary,
        settings_schema: info.settings_schema,
        attributes: info.attributes,
    })
}

pub(crate) fn configure(
    session: &mut Session<'_>,
    pre: &StrategyPluginPre<Call>,
    settings: &str,
) -> Result<Vec<Remark>, CallError> {
    let plugin = step!(session, pre.instantiate(&mut session.store));
    let remarks = step!(
        session,
        plugin
            .fillsync_plugin1_0_0_settings()
            .call_configure(&mut session.store, settings)
    );
    Ok(remarks
        .into_iter()
        .map(|remark| Remark {
            path: remark.path,
            is_error: matches!(remark.severity, Severity::Error),
            message: one_line(&remark.message),
        })
        .collect())
}

pub(crate) fn decide(
    session: &mut Session<'_>,
    pre: &StrategyPluginPre<Call>,
    settings: &str,
    view: &View,
) -> Result<Vec<RawShown>, CallError> {
    let plugin = step!(session, pre.instantiate(&mut session.store));
    step!(
        session,
        plugin
            .fillsync_plugin1_0_0_settings()
            .call_configure(&mut session.store, settings)
    );
    let answer = step!(
        session,
        plugin
            .fillsync_plugin2_0_0_strategy()
            .call_decide(&mut session.store, &question(view))
    );
    let rows = answer.ok_or_else(|| CallError::Undecided {
        reason: "the view does not allow it".to_owned(),
    })?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let count = u32::try_from(row.slots.len()).unwrap_or(u32::MAX);
            (row.account, count, None)
        })
        .collect())
}

fn question(view: &View) -> ask::View {
    let counted_by = |ordinal: u32| {
        view.members
            .iter()
            .filter(|member| {
                member
                    .legs
                    .iter()
                    .any(|leg| leg.slot == ordinal && leg.counted)
            })
            .map(|member| member.account.to_string())
            .collect()
    };
    ask::View {
        slots: view
            .slots
            .iter()
            .map(|slot| ask::Slot {
                ordinal: slot.ordinal,
                counted_by: counted_by(slot.ordinal),
            })
            .collect(),
        members: view
            .members
            .iter()
            .map(|member| ask::Member {
                account: member.account.to_string(),
                role: match member.role {
                    Role::Main => types::Role::Main,
                    Role::Mirror => types::Role::Mirror,
                    Role::Observer => types::Role::Observer,
                },
            })
            .collect(),
    }
}
