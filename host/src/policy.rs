//! What the configuration asks for, as the loops need it.
//!
//! A policy is made whole from a checked configuration and put in place by one exchange (law 15): a
//! loop that works on one keeps it until its round ends. It holds no secrets and no connections.

use fillsync_core::alert::{Alert, AlertKind};
use fillsync_core::group::GroupRules;
use fillsync_core::id::{AccountName, Category, ChannelName, GroupName, PluginName};
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
    /// Whether a message that was sent can be edited there.
    pub can_edit: bool,
}

impl Route {
    /// Whether this channel takes an alert.
    #[must_use]
    pub fn takes(&self, alert: &Alert) -> bool {
        let kind = alert.kind();
        // A correction stands for a changed fill alert: who takes fills takes it.
        let wanted = self.kinds.contains(&kind)
            || (kind == AlertKind::Correction && self.kinds.contains(&AlertKind::Fill));
        let group = match (&self.groups, &alert.group) {
            (Some(groups), Some(group)) => groups.contains(group),
            _ => true,
        };
        wanted && group
    }
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
