//! What the configuration asks for, as the loops need it.
//!
//! A policy is made whole from a checked configuration and put in place by one exchange (law 15): a
//! loop that works on one keeps it until its round ends. It holds no secrets and no connections.

use fillsync_core::alert::{Alert, AlertBody, AlertKind, Severity};
use fillsync_core::group::GroupRules;
use fillsync_core::id::{AccountName, Category, ChannelName, GroupName, PluginName, Symbol};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One group with its strategy.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupPolicy {
    /// The rules.
    pub rules: Arc<GroupRules>,
    /// The strategy; none shows own counts.
    pub strategy: Option<PluginName>,
    /// What is polled of each member: only these prove anything, and all of them must.
    pub categories: BTreeMap<AccountName, BTreeSet<Category>>,
}

/// Which alerts a channel takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The channel.
    pub channel: ChannelName,
    /// Its formatter.
    pub formatter: PluginName,
    /// The kinds it takes.
    pub kinds: BTreeSet<AlertKind>,
    /// The groups it takes; none means all.
    pub groups: Option<BTreeSet<GroupName>>,
    /// The accounts it takes; none means all.
    pub accounts: Option<BTreeSet<AccountName>>,
    /// The symbols it takes, in the group's spelling; none means all.
    pub symbols: Option<BTreeSet<Symbol>>,
    /// The least severe alert it takes.
    pub severity: Severity,
    /// Whether a message that was sent can be edited there.
    pub can_edit: bool,
}

impl Route {
    /// Whether this channel takes an alert: it must fit every wish. An alert that is about no group,
    /// account or symbol fits the wishes for them: it is about all, or about fillsync itself.
    #[must_use]
    pub fn takes(&self, alert: &Alert) -> bool {
        let kind = alert.kind();
        // A correction stands for a changed fill alert: who takes fills takes it.
        let is_change_of_fill =
            kind == AlertKind::Correction && self.kinds.contains(&AlertKind::Fill);
        let is_of_kind = self.kinds.contains(&kind) || is_change_of_fill;
        let fits_group = fits(self.groups.as_ref(), alert.group.as_slice());
        let fits_symbol = fits(self.symbols.as_ref(), alert.symbol.as_slice());
        let is_severe = self.severity <= weight(alert);
        is_of_kind
            && is_severe
            && fits_group
            && fits_symbol
            && fits(self.accounts.as_ref(), &accounts_of(alert))
    }
}

/// Whether one of these is wished for, or none is there, or everything is wished for.
fn fits<T: Ord>(wished: Option<&BTreeSet<T>>, names: &[T]) -> bool {
    wished.is_none_or(|wished| names.is_empty() || names.iter().any(|name| wished.contains(name)))
}

/// How severe an alert is for routing: as what it belongs to, so that nobody is told only one half. The
/// end of a divergence belongs to the divergence, a correction to the fill that was told.
fn weight(alert: &Alert) -> Severity {
    match alert.body {
        AlertBody::Resolved(_) => Severity::Critical,
        AlertBody::Correction(_) => Severity::Info,
        _ => alert.severity,
    }
}

/// Whom an alert is about: its account, and everybody whom a divergence names.
fn accounts_of(alert: &Alert) -> Vec<AccountName> {
    let own = alert.account.iter().map(|account| account.name.clone());
    let legs = match &alert.body {
        AlertBody::Divergence(body) | AlertBody::Resolved(body) => body.legs.as_slice(),
        _ => &[],
    };
    own.chain(legs.iter().map(|leg| leg.account.name.clone()))
        .collect()
}

/// All that the loops need to know of the configuration.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Policy {
    /// The groups; an account of no group has one of its own, with its own name and no strategy.
    pub groups: Vec<GroupPolicy>,
    /// The channels' wishes.
    pub routes: Vec<Route>,
}

impl Policy {
    /// The channels that take an alert.
    #[must_use]
    pub fn channels_for(&self, alert: &Alert) -> Vec<ChannelName> {
        self.routes
            .iter()
            .filter(|route| route.takes(alert))
            .map(|route| route.channel.clone())
            .collect()
    }

    /// The groups of which an account is a member.
    pub fn groups_of<'a>(
        &'a self,
        account: &'a AccountName,
    ) -> impl Iterator<Item = &'a GroupPolicy> {
        self.groups
            .iter()
            .filter(move |group| group.rules.member(account).is_some())
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
