//! Whether the parts of a configuration fit together.
//!
//! Each check is one small function over the values that could be read; a name is looked up among all
//! that are declared, so a part that is wrong itself does not make its name unknown. Warnings are for
//! what works but is probably not meant.

mod channel;

use crate::notes::Notes;
use crate::problem::Severity::{Error, Warning};
use crate::read::{nearest_or_all, quoted};
use crate::schema::{Account, Config, Group, Plugin, Strategy};
use crate::value::PluginTrust;
use fillsync_core::execution::VenueKind;
use fillsync_core::id::AccountName;
use fillsync_core::view::Role;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Every name that the file declares, whether or not its part could be read.
pub(crate) struct Declared<'a> {
    pub(crate) accounts: Vec<&'a str>,
    pub(crate) groups: Vec<&'a str>,
    /// How many channels there are.
    pub(crate) channels: usize,
    /// Those of the file and those built in.
    pub(crate) plugins: Vec<&'a str>,
}

/// The most often that a venue may be asked; more would only use up its limits.
const POLL_EVERY_MIN: Duration = Duration::from_millis(100);
/// The farthest that Bybit's executions reach back: two years.
const LOOKBACK_MAX: Duration = Duration::from_secs(730 * 86_400);
/// The longest wait for a fill's alert.
const DEADLINE_MAX: Duration = Duration::from_secs(86_400);
/// Bybit's categories.
const BYBIT_CATEGORIES: [&str; 4] = ["linear", "inverse", "spot", "option"];
/// The strategies of this house that mean nothing without a main account.
const STRATEGIES_WITH_MAIN: [&str; 2] = ["main-master", "mirror-follows-main"];
/// The ceilings of the plugin host.
const PLUGIN_MEMORY_BYTES: (u64, u64) = (64 * 1024, 512 << 20);
const PLUGIN_TIME: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(30));
const PLUGIN_FUEL: (u64, u64) = (10_000, 20_000_000_000);
/// The most recorded inputs that a new file is asked.
const PLUGIN_REPLAY_MAX: u64 = 1_000;
/// The longest time in which a new file can be rolled back.
const PLUGIN_PROBATION_MAX: Duration = Duration::from_secs(30 * 86_400);
/// What compiling may take; a compiler alone needs the least.
const COMPILE_MEMORY_BYTES: (u64, u64) = (256 << 20, 64 << 30);
const COMPILE_TIME: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3_600));

/// Notes everything that does not fit.
pub(crate) fn judge(config: &Config, declared: &Declared<'_>, notes: &Notes<'_>) {
    judge_daemon(config, declared, notes);
    for account in config.accounts.values() {
        judge_account(account, notes);
    }
    for group in config.groups.values() {
        judge_group(group, config, declared, notes);
    }
    judge_memberships(config, notes);
    judge_credentials(config, notes);
    for channel in config.channels.values() {
        channel::judge_channel(channel, declared, notes);
    }
    for (name, plugin) in &config.plugins {
        judge_plugin(name.as_str(), plugin, notes);
    }
}

fn judge_daemon(config: &Config, declared: &Declared<'_>, notes: &Notes<'_>) {
    let daemon = &config.daemon;
    if !daemon.listen.ip().is_loopback() && daemon.api_token.is_none() {
        notes.misfit(
            Error,
            "daemon.listen",
            format!("`listen` is open to other machines ({}), but there is no `api_token`", daemon.listen),
            "add `api_token = { env = \"FILLSYNC_API_TOKEN\" }` to [daemon], or listen on 127.0.0.1",
        );
    }
    if daemon.plugin_lock.starts_with(&daemon.plugin_dir) {
        notes.misfit(
            Error,
            "daemon.plugin_lock",
            "`plugin_lock` is in `plugin_dir`: who can put a plugin there could approve it as well",
            "leave it out, so that it stands beside this file, and keep plugins in a folder of their own",
        );
    }
    if daemon.plugin_trust == PluginTrust::Signed && daemon.plugin_keys.is_empty() {
        notes.misfit(
            Error,
            "daemon.plugin_trust",
            "`plugin_trust` is \"signed\", but there are no `plugin_keys`",
            "add the second line of the signers' .pub files: plugin_keys = [\"RW…\"]",
        );
    }
    if daemon.compile_memory.0 < COMPILE_MEMORY_BYTES.0
        || daemon.compile_memory.0 > COMPILE_MEMORY_BYTES.1
    {
        notes.misfit(
            Error,
            "daemon.compile_memory",
            "`compile_memory` must be between 256MiB and 64GiB",
            "leave it out to get its default",
        );
    }
    if daemon.compile_time < COMPILE_TIME.0 || daemon.compile_time > COMPILE_TIME.1 {
        notes.misfit(
            Error,
            "daemon.compile_time",
            "`compile_time` must be between 1s and 1h",
            "leave it out to get its default",
        );
    }
    if declared.accounts.is_empty() {
        notes.misfit(
            Error,
            "account",
            "there is no [[account]], so there is nothing to watch",
            "add one; config/minimal.toml shows how",
        );
    }
    if declared.channels == 0 {
        notes.misfit(
            Warning,
            "channel",
            "there is no [[channel]], so no alert goes anywhere",
            "add one; `kind = \"stdout\"` is the simplest",
        );
    }
}

fn judge_account(account: &Account, notes: &Notes<'_>) {
    let key = |name: &str| format!("account.{}.{name}", account.name);
    if account.poll_every < POLL_EVERY_MIN {
        notes.misfit(
            Error,
            &key("poll_every"),
            "`poll_every` is below 100ms, which only uses up the venue's limits",
            "write \"2s\", or \"100ms\" at least",
        );
    }
    if account.lookback > LOOKBACK_MAX {
        notes.misfit(
            Error,
            &key("lookback"),
            "`lookback` is longer than venues keep executions (730 days)",
            "write \"730d\" at most",
        );
    }
    for (name, span) in [
        ("rescan_every", account.rescan_every),
        ("rescan_span", account.rescan_span),
    ] {
        if span < Duration::from_secs(1) {
            notes.misfit(
                Error,
                &key(name),
                format!("`{name}` is below 1s"),
                "write for instance \"15m\"",
            );
        }
    }
    if account.rescan_span < account.rescan_every {
        notes.misfit(
            Warning,
            &key("rescan_span"),
            "`rescan_span` is shorter than `rescan_every`, so some of the past is never read again",
            "make it at least as long",
        );
    }
    if account.stream && account.venue == VenueKind::Alpaca {
        notes.misfit(
            Warning,
            &key("stream"),
            "Alpaca allows one stream for each key: listening ends any other program's stream with it",
            "give fillsync a key of its own, or leave `stream` out: polling misses nothing",
        );
    }
    judge_categories(account, notes);
}

fn judge_categories(account: &Account, notes: &Notes<'_>) {
    let key = format!("account.{}.categories", account.name);
    if account.categories.is_empty() {
        notes.misfit(
            Error,
            &key,
            "`categories` is empty, so nothing of the account is watched",
            "write [\"linear\"], or leave the key out",
        );
    }
    let mut seen = BTreeSet::new();
    for (at, category) in account.categories.iter().enumerate() {
        let key = format!("{key}[{at}]");
        if !seen.insert(category) {
            notes.misfit(
                Error,
                &key,
                format!("`{category}` stands twice"),
                "remove one",
            );
        }
        match account.venue {
            VenueKind::Bybit if !BYBIT_CATEGORIES.contains(&category.as_str()) => {
                let message = format!("{} is no category of Bybit", quoted(category.as_str()));
                let help = nearest_or_all(category.as_str(), &BYBIT_CATEGORIES);
                notes.misfit(Error, &key, message, help);
            }
            VenueKind::Alpaca if category.as_str() != "fills" => notes.misfit(
                Error,
                &key,
                "Alpaca has no categories",
                "leave `categories` out",
            ),
            _ => {}
        }
    }
}

fn judge_group(group: &Group, config: &Config, declared: &Declared<'_>, notes: &Notes<'_>) {
    let key = |name: &str| format!("group.{}.{name}", group.name);
    if let Strategy::Plugin(name) = &group.strategy
        && !declared.plugins.contains(&name.as_str())
    {
        let mut known = declared.plugins.clone();
        known.push("none");
        unknown_plugin(notes, &key("strategy"), name.as_str(), &known);
    }
    for (name, value, most) in [
        ("price_tolerance_bps", group.price_tolerance_bps, 10_000),
        ("confidence_min", group.confidence_min, 100),
    ] {
        if value > most {
            notes.misfit(
                Error,
                &key(name),
                format!("`{name}` is {value}; it can be {most} at most"),
                format!("write a number from 0 to {most}"),
            );
        }
    }
    if group.deadline < group.settle {
        notes.misfit(
            Error,
            &key("deadline"),
            "`deadline` is shorter than `settle`, so no fill would ever be waited for",
            "make `deadline` longer, for instance \"30s\"",
        );
    }
    if group.deadline > DEADLINE_MAX {
        notes.misfit(
            Error,
            &key("deadline"),
            "`deadline` is longer than a day",
            "write \"30s\"",
        );
    }
    for member in &group.members {
        let account = config.accounts.get(&member.account);
        if let Some(account) = account.filter(|account| account.poll_every >= group.deadline) {
            notes.misfit(
                Warning,
                &key("deadline"),
                format!(
                    "`deadline` is not longer than `poll_every` of account `{}`",
                    account.name
                ),
                "its fills will mostly be told before it was asked; make `deadline` longer",
            );
        }
    }
    judge_members(group, declared, notes);
}

fn judge_members(group: &Group, declared: &Declared<'_>, notes: &Notes<'_>) {
    let key = format!("group.{}.members", group.name);
    if group.members.is_empty() {
        notes.misfit(
            Error,
            &key,
            "the group has no members",
            "write members = [{ account = \"main\", role = \"main\" }]",
        );
    }
    let (mut seen, mut main) = (BTreeSet::new(), None);
    for (at, member) in group.members.iter().enumerate() {
        let name = member.account.as_str();
        let account_key = format!("{key}[{at}].account");
        if !declared.accounts.contains(&name) {
            let help = nearest_or_all(name, &declared.accounts);
            notes.misfit(
                Error,
                &account_key,
                format!("there is no account named {}", quoted(name)),
                help,
            );
        }
        if !seen.insert(&member.account) {
            let message = format!("account {} is in the group twice", quoted(name));
            notes.misfit(Error, &account_key, message, "remove one of the two");
        }
        if member.role == Role::Main
            && let Some(first) = main.replace(&member.account)
        {
            notes.misfit(
                Error,
                &format!("{key}[{at}].role"),
                format!("a group has one main account, and this one has `{first}` already"),
                "make this one a \"mirror\" or an \"observer\"",
            );
        }
        if member.ratio <= rust_decimal::Decimal::ZERO {
            let key = format!("{key}[{at}].ratio");
            notes.misfit(
                Error,
                &key,
                "`ratio` must be above 0",
                "write for instance \"0.5\"",
            );
        }
    }
    let is_counting = group
        .members
        .iter()
        .any(|member| member.role != Role::Observer);
    if !group.members.is_empty() && !is_counting {
        let message = "every member is an observer, so nothing is ever counted";
        notes.misfit(Warning, &key, message, "make one the \"main\" account");
    }
    if let Strategy::Plugin(strategy) = &group.strategy
        && STRATEGIES_WITH_MAIN.contains(&strategy.as_str())
        && main.is_none()
    {
        notes.misfit(
            Warning,
            &format!("group.{}.strategy", group.name),
            format!("`{strategy}` follows the main account, and the group has none"),
            "give one member the role \"main\"",
        );
    }
}

/// An account moves the counts of one group only; it may be watched by others.
fn judge_memberships(config: &Config, notes: &Notes<'_>) {
    let mut counted_in: BTreeMap<&AccountName, &Group> = BTreeMap::new();
    for group in config.groups.values() {
        for (at, member) in group.members.iter().enumerate() {
            if member.role == Role::Observer {
                continue;
            }
            let first = *counted_in.entry(&member.account).or_insert(group);
            if first.name != group.name {
                notes.misfit(
                    Error,
                    &format!("group.{}.members[{at}].account", group.name),
                    format!(
                        "account `{}` would move the counts of two groups, `{}` and `{}`",
                        member.account, first.name, group.name
                    ),
                    "make it an \"observer\" in one of them",
                );
            }
        }
    }
    let members: BTreeSet<&AccountName> = config
        .groups
        .values()
        .flat_map(|group| group.members.iter().map(|member| &member.account))
        .collect();
    for account in config
        .accounts
        .keys()
        .filter(|name| !members.contains(name))
    {
        notes.misfit(
            Warning,
            &format!("account.{account}.name"),
            format!(
                "account `{account}` is in no group: its fills are counted and told by themselves, compared with nobody"
            ),
            "add it to the members of a group",
        );
    }
}

fn judge_credentials(config: &Config, notes: &Notes<'_>) {
    let mut owners = BTreeMap::new();
    for account in config.accounts.values() {
        let first = *owners
            .entry((&account.base_url, &account.api_key))
            .or_insert(&account.name);
        if first != &account.name {
            notes.misfit(
                Warning,
                &format!("account.{}.api_key", account.name),
                format!(
                    "accounts `{first}` and `{}` use the same key, so each fill is seen twice",
                    account.name
                ),
                "give each account its own key",
            );
        }
    }
}

fn unknown_plugin(notes: &Notes<'_>, key: &str, name: &str, known: &[&str]) {
    let near = nearest_or_all(name, known);
    let message = format!("there is no plugin named {}", quoted(name));
    let help = format!("{near} (a plugin of your own needs a section [plugin.{name}])");
    notes.misfit(Error, key, message, help);
}

fn judge_plugin(name: &str, plugin: &Plugin, notes: &Notes<'_>) {
    let key = |part: &str| format!("plugin.{name}.{part}");
    if let Some(file) = &plugin.file
        && (!file.ends_with(".wasm") || file.contains(['/', '\\']))
    {
        notes.misfit(
            Error,
            &key("file"),
            "`file` is the name of a .wasm file in `plugin_dir`, without a folder",
            format!("write for instance \"{name}.wasm\""),
        );
    }
    if plugin.replay > PLUGIN_REPLAY_MAX {
        notes.misfit(
            Error,
            &key("replay"),
            format!("`replay` must be at most {PLUGIN_REPLAY_MAX}"),
            "leave it out to get its default",
        );
    }
    if plugin.probation > PLUGIN_PROBATION_MAX {
        notes.misfit(
            Error,
            &key("probation"),
            "`probation` must be at most 30d",
            "leave it out to get its default",
        );
    }
    let limits = &plugin.limits;
    let out_of_range = |part: &str, from: &str, to: &str| {
        notes.misfit(
            Error,
            &key(&format!("limits.{part}")),
            format!("`{part}` must be between {from} and {to}"),
            "leave it out to get its default",
        );
    };
    if limits.memory.0 < PLUGIN_MEMORY_BYTES.0 || limits.memory.0 > PLUGIN_MEMORY_BYTES.1 {
        out_of_range("memory", "64KiB", "512MiB");
    }
    if limits.time < PLUGIN_TIME.0 || limits.time > PLUGIN_TIME.1 {
        out_of_range("time", "10ms", "30s");
    }
    if limits.fuel < PLUGIN_FUEL.0 || limits.fuel > PLUGIN_FUEL.1 {
        out_of_range("fuel", "10000", "20000000000");
    }
}
