//! What the loops need to know of a configuration: groups with their rules, and routes.
//!
//! Pure: the same configuration gives the same policy, and nothing is opened.

use crate::policy::{GroupPolicy, Policy, Route};
use anyhow::Context as _;
use fillsync_config::{Account, Channel as ChannelConfig, Config, Strategy};
use fillsync_core::group::{
    CONFIDENCE_MIN, GroupRules, MemberRules, PLACED_WITHIN, PRICE_TOLERANCE_BPS,
};
use fillsync_core::id::{AccountName, Category, GroupName};
use fillsync_core::view::Role;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// What the loops need to know of a configuration.
pub(super) fn policy_of(config: &Config) -> anyhow::Result<Policy> {
    let mut groups = Vec::new();
    let mut grouped: BTreeSet<&AccountName> = BTreeSet::new();
    for group in config.groups.values() {
        let mut members: Vec<MemberRules> = group
            .members
            .iter()
            .map(|member| MemberRules {
                account: member.account.clone(),
                role: member.role,
                ratio: member.ratio,
                symbols: member.symbols.clone(),
            })
            .collect();
        members.sort_by(|a, b| a.account.cmp(&b.account));
        grouped.extend(
            group
                .members
                .iter()
                .filter(|member| member.role != Role::Observer)
                .map(|member| &member.account),
        );
        groups.push(GroupPolicy {
            rules: Arc::new(GroupRules {
                name: group.name.clone(),
                members,
                counts_when: group.counts_when,
                settle: group.settle,
                deadline: group.deadline,
                alert_max_age: group.alert_max_age,
                slot_token: group.slot_token.as_ref().map(|token| token.regex().clone()),
                // Both were checked to be within these bounds when the configuration was read.
                confidence_min: u8::try_from(group.confidence_min).unwrap_or(100),
                price_tolerance_bps: u32::try_from(group.price_tolerance_bps).unwrap_or(u32::MAX),
                placed_within: group.placed_within,
            }),
            strategy: match &group.strategy {
                Strategy::None => None,
                Strategy::Plugin(name) => Some(name.clone()),
            },
            categories: group
                .members
                .iter()
                .filter_map(|member| config.accounts.get(&member.account))
                .map(polled)
                .collect(),
        });
    }
    for account in config.accounts.values() {
        if !grouped.contains(&account.name) {
            groups.push(alone(config, account)?);
        }
    }
    Ok(Policy {
        groups,
        routes: config.channels.values().map(route).collect(),
    })
}

/// An account of no group is a group of its own: its alerts need nobody's agreement.
fn alone(config: &Config, account: &Account) -> anyhow::Result<GroupPolicy> {
    let name = GroupName::new(account.name.as_str())
        .with_context(|| format!("account {} as a group of its own", account.name))?;
    Ok(GroupPolicy {
        rules: Arc::new(GroupRules {
            name,
            members: vec![MemberRules {
                account: account.name.clone(),
                role: Role::Main,
                ratio: rust_decimal::Decimal::ONE,
                symbols: BTreeMap::new(),
            }],
            counts_when: fillsync_core::view::CountsWhen::Filled,
            settle: Duration::ZERO,
            deadline: Duration::from_secs(30),
            alert_max_age: config.daemon.alert_max_age,
            slot_token: None,
            confidence_min: CONFIDENCE_MIN,
            price_tolerance_bps: PRICE_TOLERANCE_BPS,
            placed_within: PLACED_WITHIN,
        }),
        strategy: None,
        categories: BTreeMap::from([polled(account)]),
    })
}

/// What is polled of an account.
fn polled(account: &Account) -> (AccountName, BTreeSet<Category>) {
    let categories = account.categories.iter().cloned().collect();
    (account.name.clone(), categories)
}

fn route(channel: &ChannelConfig) -> Route {
    Route {
        channel: channel.name.clone(),
        formatter: channel.formatter.clone(),
        kinds: channel.alerts.iter().copied().collect(),
        groups: wished(channel.groups.as_ref()),
        accounts: wished(channel.accounts.as_ref()),
        symbols: wished(channel.symbols.as_ref()),
        severity: channel.severity,
        can_edit: channel.kind.can_edit(),
    }
}

fn wished<T: Ord + Clone>(names: Option<&Vec<T>>) -> Option<BTreeSet<T>> {
    names.map(|names| names.iter().cloned().collect())
}
