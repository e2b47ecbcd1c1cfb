//! The wiring: who is who, started, changed while it runs, and drained.
//!
//! The first start is a reload from nothing: [`App::apply`] is the one way by which a configuration
//! takes effect. It opens everything that the new configuration needs before it touches anything that
//! runs, so a configuration that cannot be carried out changes nothing (law 15). What did not change
//! goes on undisturbed; a secret whose content changed is a change of who uses it. Only this file knows
//! all rooms.

use crate::drive::deliver::Deliverer;
use crate::drive::poll::{PollSettings, Poller};
use crate::drive::stream::Listener;
use crate::drive::synchronise::Synchroniser;
use crate::drive::turn::{ROUNDS_AT_ONCE_MAX, Turns};
use crate::drive::wake::{Life, Wake};
use crate::policy::{GroupPolicy, Policy, Route};
use crate::shelf::{Offered, Shelf};
use crate::telemetry::Voice;
use anyhow::{Context as _, anyhow};
use fillsync_channel::{ChannelSettings, KindSettings, Surroundings};
use fillsync_config::{
    Account, Change, Channel as ChannelConfig, ChannelKind, Config, Step, Strategy,
};
use fillsync_core::execution::VenueKind;
use fillsync_core::group::{
    CONFIDENCE_MIN, GroupRules, MemberRules, PLACED_WITHIN, PRICE_TOLERANCE_BPS,
};
use fillsync_core::id::{AccountName, Category, ChannelName, GroupName};
use fillsync_core::port::{Channel, Clock, Venue};
use fillsync_core::time::HostTime;
use fillsync_core::view::Role;
use fillsync_ledger::{Ledger, LedgerError};
use fillsync_plugin_host::{PluginEngine, Registry};
use fillsync_venue::{AccountSettings, Address, Limits};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// How long a drain waits for messages under way.
const DRAIN: Duration = Duration::from_secs(5);

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> HostTime {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        HostTime::from_us(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// A task that can be told to stop.
struct Task {
    stop: watch::Sender<bool>,
    handle: JoinHandle<()>,
}

impl Task {
    /// Tells it to stop; what takes its place waits for what it has under way.
    fn dismiss(self) -> JoinHandle<()> {
        let _ = self.stop.send(true);
        self.handle
    }

    async fn end(self) {
        let _ = self.stop.send(true);
        // A task that panicked has said so already; it is over either way.
        let _ = tokio::time::timeout(DRAIN, self.handle).await;
    }
}

/// What the accounts at one network address share.
#[derive(Clone)]
struct Shared {
    address: Address,
    turns: Arc<Turns>,
}

/// An account's venue, and the line in which it waits.
type OpenedVenue = (Arc<dyn Venue>, Arc<Turns>);

/// Tasks that were told to stop, for their successors to wait for.
#[derive(Default)]
struct Dismissed {
    pollers: BTreeMap<AccountName, JoinHandle<()>>,
    listeners: BTreeMap<AccountName, JoinHandle<()>>,
    deliverers: BTreeMap<ChannelName, JoinHandle<()>>,
}

/// Runs when what came before is over, so that a message under way is recorded before its successor
/// looks at the outbox.
async fn after<T>(before: Option<JoinHandle<()>>, run: impl Future<Output = T>) -> T {
    if let Some(before) = before {
        // One that broke off has said so, and is over.
        let _ = before.await;
    }
    run.await
}

/// The running daemon.
pub struct App {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    wake: Arc<Wake>,
    voice: Arc<Voice>,
    plugins: Arc<Registry>,
    shelf: Shelf,
    surroundings: Surroundings,
    policy: watch::Sender<Arc<Policy>>,
    config: Config,
    addresses: BTreeMap<(VenueKind, String), Shared>,
    pollers: BTreeMap<AccountName, Task>,
    listeners: BTreeMap<AccountName, Task>,
    deliverers: BTreeMap<ChannelName, Task>,
    /// The secrets that are in use.
    secrets: Secrets,
    /// Who was told to stop: who comes back under the same name waits for what it has under way.
    leaving: Dismissed,
    synchroniser: Option<Task>,
    fatal: watch::Sender<Option<String>>,
}

/// What one application of a configuration needs, opened before anything is touched.
#[derive(Default)]
struct Opened {
    venues: BTreeMap<AccountName, OpenedVenue>,
    channels: BTreeMap<ChannelName, Arc<dyn Channel>>,
    warnings: Vec<String>,
    secrets: Secrets,
}

/// Digests of the secrets that accounts and channels were opened with, to see whether a source holds
/// another one now. They are never logged: who knows a digest can try guesses at it.
#[derive(Default, Clone)]
struct Secrets {
    accounts: BTreeMap<AccountName, Digest>,
    channels: BTreeMap<ChannelName, Digest>,
}

type Digest = [u8; 32];

impl App {
    /// Opens the ledger and the plugin engine. Nothing is polled or sent before [`App::apply`].
    ///
    /// # Errors
    /// When the ledger, the engine or the HTTP client cannot be opened.
    pub fn open(
        config: &Config,
        clock: Arc<dyn Clock>,
        surroundings: Surroundings,
    ) -> anyhow::Result<Self> {
        let ledger = Ledger::open(&config.daemon.database)?;
        let engine = PluginEngine::with_cache(&config.daemon.cache_dir).or_else(|error| {
            tracing::warn!(event = "compile_cache_off", %error, "plugins are compiled at each start");
            PluginEngine::new()
        })?;
        let plugins = Arc::new(Registry::new(engine.clone()));
        let wake = Wake::new();
        let (policy, policy_rx) = watch::channel(Arc::new(Policy::default()));
        let hint = Arc::clone(&wake);
        let voice = Voice::new(
            ledger.clone(),
            Arc::clone(&clock),
            policy_rx,
            Arc::new(move || {
                hint.alerts.notify_waiters();
                hint.alerts.notify_one();
            }),
        );
        let shelf = Shelf::new(
            engine,
            Arc::clone(&plugins),
            Arc::clone(&clock),
            Arc::clone(&voice),
        );
        Ok(Self {
            ledger,
            clock,
            wake,
            voice,
            plugins,
            shelf,
            surroundings,
            policy,
            config: nothing(config),
            addresses: BTreeMap::new(),
            pollers: BTreeMap::new(),
            listeners: BTreeMap::new(),
            deliverers: BTreeMap::new(),
            secrets: Secrets::default(),
            leaving: Dismissed::default(),
            synchroniser: None,
            fatal: watch::Sender::new(None),
        })
    }

    /// The ledger.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What the loops follow; it changes with every configuration that is taken up.
    #[must_use]
    pub fn policy(&self) -> watch::Receiver<Arc<Policy>> {
        self.policy.subscribe()
    }

    /// The plugins.
    #[must_use]
    pub const fn plugins(&self) -> &Arc<Registry> {
        &self.plugins
    }

    /// The hints, with how every account is.
    #[must_use]
    pub const fn wake(&self) -> &Arc<Wake> {
        &self.wake
    }

    /// How events are told.
    #[must_use]
    pub const fn voice(&self) -> &Arc<Voice> {
        &self.voice
    }

    /// The configuration that is in force.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Becomes a text when a loop can go on no longer: the daemon must end and be started again.
    #[must_use]
    pub fn fatal(&self) -> watch::Receiver<Option<String>> {
        self.fatal.subscribe()
    }

    /// A plugin's file was found or changed. The component of the binary gives way to it.
    pub async fn plugin_file(&mut self, stem: &str, file: &str, bytes: Vec<u8>) {
        self.shelf.put(stem, file, bytes);
        let config = self.config.clone();
        self.shelf.offer_file(&config, stem).await;
    }

    /// A plugin's file is gone: what runs stays.
    pub fn plugin_gone(&mut self, stem: &str) {
        self.shelf.gone(stem);
    }

    /// Takes up a configuration; the error says why nothing of it was.
    ///
    /// # Errors
    /// When an account, a channel or a plugin's settings cannot be used: everything stays as it was.
    pub async fn apply(&mut self, wanted: &Config) -> anyhow::Result<Vec<String>> {
        let changes = fillsync_config::difference(&self.config, wanted);
        let mut said: Vec<String> = changes.iter().map(ToString::to_string).collect();
        let mut changes = changes;
        for (who, change) in self.with_new_secrets(wanted, &changes) {
            said.push(format!("{who}: its secret has new content"));
            changes.push(change);
        }
        let opened = self.prepare(wanted, &changes)?;
        let policy = Arc::new(policy_of(wanted)?);
        if self.synchroniser.is_none() {
            // What is said of plugins at the first start must find its way to the operator.
            let routes = policy.routes.clone();
            self.policy.send_replace(Arc::new(Policy {
                routes,
                ..Policy::default()
            }));
        }
        let before = self.synchroniser.is_some().then_some(&self.config);
        let offered = self.shelf.offer(wanted, before).await;
        if let Offered::Refused { plugin, why } = offered {
            return Err(anyhow!("plugin {plugin}: {why}"));
        }
        for warning in &opened.warnings {
            tracing::warn!(event = "secret_exposed", "{warning}");
        }
        self.dismiss_changed(&changes);
        self.secrets.accounts.extend(opened.secrets.accounts);
        self.secrets.channels.extend(opened.secrets.channels);
        // A group waits for a new account from the moment on at which it is a member, not from its
        // first page on.
        let lives: BTreeMap<AccountName, Life> = opened
            .venues
            .keys()
            .map(|name| (name.clone(), self.wake.begins(name, self.clock.now())))
            .collect();
        self.policy.send_replace(Arc::clone(&policy));
        for (name, (venue, turns)) in opened.venues {
            if let (Some(account), Some(life)) = (wanted.accounts.get(&name), lives.get(&name)) {
                if account.stream {
                    let before = self.leaving.listeners.remove(&name);
                    self.start_listener(name.clone(), Arc::clone(&venue), before);
                }
                let before = self.leaving.pollers.remove(&name);
                self.start_poller(name, *life, (venue, turns), account, before);
            }
        }
        for (name, channel) in opened.channels {
            if let Some(settings) = wanted.channels.get(&name) {
                let before = self.leaving.deliverers.remove(&name);
                self.start_deliverer(name, channel, settings, before);
            }
        }
        if self.synchroniser.is_none() {
            self.start_synchroniser();
        }
        self.config = fillsync_config::running(&self.config, wanted);
        self.wake.facts.notify_one();
        Ok(said)
    }

    fn prepare(&mut self, wanted: &Config, changes: &[Change]) -> anyhow::Result<Opened> {
        policy_of(wanted)?;
        let mut opened = Opened::default();
        for change in changes {
            match change {
                Change::Account(name, Step::Added(now) | Step::Changed { now, .. }) => {
                    let venue = self.open_venue(now, &mut opened)?;
                    opened.venues.insert(name.clone(), venue);
                }
                Change::Channel(name, Step::Added(now) | Step::Changed { now, .. }) => {
                    let channel = self.open_channel(now, &mut opened)?;
                    opened.channels.insert(name.clone(), channel);
                }
                _ => {}
            }
        }
        Ok(opened)
    }

    fn open_venue(
        &mut self,
        account: &Account,
        opened: &mut Opened,
    ) -> anyhow::Result<OpenedVenue> {
        let [key, code] = secrets_of_account(account, &mut opened.warnings)?;
        let digest = digest_of([&key, &code]);
        opened.secrets.accounts.insert(account.name.clone(), digest);
        let at = (account.venue, account.base_url.origin().to_owned());
        let shared = match self.addresses.get(&at) {
            Some(shared) => shared.clone(),
            None => {
                let shared = Shared {
                    address: Address::new(account.venue, Limits::of(account.venue))?,
                    turns: Turns::new(ROUNDS_AT_ONCE_MAX),
                };
                self.addresses.insert(at, shared.clone());
                shared
            }
        };
        let settings = AccountSettings::new(
            account.name.clone(),
            account.venue,
            account.base_url.as_str(),
            key,
            code,
            account.categories.clone(),
        );
        let venue = fillsync_venue::open(settings, &shared.address, Arc::clone(&self.clock))?;
        Ok((venue, shared.turns))
    }

    fn open_channel(
        &self,
        channel: &ChannelConfig,
        opened: &mut Opened,
    ) -> anyhow::Result<Arc<dyn Channel>> {
        let name = &channel.name;
        let code = secret_of_channel(channel, &mut opened.warnings)?;
        let digest = digest_of(&code);
        opened.secrets.channels.insert(name.clone(), digest);
        let kind = match &channel.kind {
            ChannelKind::Stdout => KindSettings::Stdout,
            ChannelKind::Telegram(telegram) => {
                KindSettings::Telegram(fillsync_channel::telegram::Settings {
                    base_url: telegram.base_url.as_str().to_owned(),
                    token: code.with_context(|| format!("channel {name}: token"))?,
                    chat_id: telegram.chat_id.clone(),
                    thread_id: None,
                })
            }
            ChannelKind::Webhook(webhook) => {
                KindSettings::Webhook(fillsync_channel::webhook::Settings {
                    url: SecretString::from(webhook.url.as_str()),
                    secret: code,
                    edits: webhook.edits,
                })
            }
        };
        let settings = ChannelSettings {
            name: name.clone(),
            kind,
        };
        Ok(fillsync_channel::open(settings, &self.surroundings)?)
    }

    /// Who is not changed by the configuration, but by the content of a secret. A source that cannot be
    /// read just now changes nothing: what runs goes on with what it has.
    fn with_new_secrets(&self, wanted: &Config, changes: &[Change]) -> Vec<(String, Change)> {
        let mut renewed = Vec::new();
        let mut warnings = Vec::new();
        for (name, before) in &self.secrets.accounts {
            let is_changed = changes
                .iter()
                .any(|change| matches!(change, Change::Account(of, _) if of == name));
            let Some(account) = wanted.accounts.get(name).filter(|_| !is_changed) else {
                continue;
            };
            let who = format!("account {name}");
            let now = secrets_of_account(account, &mut warnings);
            if is_other(&who, before, now.as_ref().map(digest_of)) {
                let step = Step::Changed {
                    now: account.clone(),
                    keys: Vec::new(),
                };
                renewed.push((who, Change::Account(name.clone(), step)));
            }
        }
        for (name, before) in &self.secrets.channels {
            let is_changed = changes
                .iter()
                .any(|change| matches!(change, Change::Channel(of, _) if of == name));
            let Some(channel) = wanted.channels.get(name).filter(|_| !is_changed) else {
                continue;
            };
            let who = format!("channel {name}");
            let now = secret_of_channel(channel, &mut warnings);
            if is_other(&who, before, now.as_ref().map(digest_of)) {
                let step = Step::Changed {
                    now: channel.clone(),
                    keys: Vec::new(),
                };
                renewed.push((who, Change::Channel(name.clone(), step)));
            }
        }
        renewed
    }

    fn dismiss_changed(&mut self, changes: &[Change]) {
        let leaving = &mut self.leaving;
        leaving.pollers.retain(|_, task| !task.is_finished());
        leaving.listeners.retain(|_, task| !task.is_finished());
        leaving.deliverers.retain(|_, task| !task.is_finished());
        for change in changes {
            match change {
                Change::Account(name, Step::Removed | Step::Changed { .. }) => {
                    if let Some(task) = self.pollers.remove(name) {
                        leaving.pollers.insert(name.clone(), task.dismiss());
                    }
                    if let Some(task) = self.listeners.remove(name) {
                        leaving.listeners.insert(name.clone(), task.dismiss());
                    }
                }
                Change::Channel(name, Step::Removed | Step::Changed { .. }) => {
                    if let Some(task) = self.deliverers.remove(name) {
                        leaving.deliverers.insert(name.clone(), task.dismiss());
                    }
                }
                _ => {}
            }
        }
    }

    fn start_poller(
        &mut self,
        name: AccountName,
        life: Life,
        (venue, turns): OpenedVenue,
        account: &Account,
        before: Option<JoinHandle<()>>,
    ) {
        let poller = Poller {
            venue,
            ledger: self.ledger.clone(),
            clock: Arc::clone(&self.clock),
            wake: Arc::clone(&self.wake),
            voice: Arc::clone(&self.voice),
            turns,
            life,
            settings: PollSettings {
                poll_every: account.poll_every,
                lookback: account.lookback,
                overlap: account.overlap,
                rescan_every: account.rescan_every,
                rescan_span: account.rescan_span,
                infer_after: account.infer_after,
            },
        };
        let (stop, stopped) = watch::channel(false);
        let handle = self.guard(
            format!("account {name}"),
            after(before, poller.run(stopped)),
        );
        self.pollers.insert(name, Task { stop, handle });
    }

    fn start_listener(
        &mut self,
        name: AccountName,
        venue: Arc<dyn Venue>,
        before: Option<JoinHandle<()>>,
    ) {
        let listener = Listener {
            venue,
            ledger: self.ledger.clone(),
            clock: Arc::clone(&self.clock),
            wake: Arc::clone(&self.wake),
            voice: Arc::clone(&self.voice),
            policy: self.policy.subscribe(),
        };
        let (stop, stopped) = watch::channel(false);
        let handle = self.guard(
            format!("stream of account {name}"),
            after(before, listener.run(stopped)),
        );
        self.listeners.insert(name, Task { stop, handle });
    }

    fn start_deliverer(
        &mut self,
        name: ChannelName,
        channel: Arc<dyn Channel>,
        settings: &ChannelConfig,
        before: Option<JoinHandle<()>>,
    ) {
        let deliverer = Deliverer {
            channel,
            formatter: settings.formatter.clone(),
            ledger: self.ledger.clone(),
            plugins: Arc::clone(&self.plugins),
            clock: Arc::clone(&self.clock),
            wake: Arc::clone(&self.wake),
            voice: Arc::clone(&self.voice),
            refusing_since: std::sync::Mutex::default(),
        };
        let (stop, stopped) = watch::channel(false);
        let handle = self.guard(
            format!("channel {name}"),
            after(before, deliverer.run(stopped)),
        );
        self.deliverers.insert(name, Task { stop, handle });
    }

    fn start_synchroniser(&mut self) {
        let synchroniser = Synchroniser {
            ledger: self.ledger.clone(),
            plugins: Arc::clone(&self.plugins),
            policy: self.policy.subscribe(),
            clock: Arc::clone(&self.clock),
            wake: Arc::clone(&self.wake),
            voice: Arc::clone(&self.voice),
        };
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Handle::current();
        let (end, ended) = tokio::sync::oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("synchronise".to_owned())
            .spawn(move || {
                let _in_runtime = runtime.enter();
                let _ = end.send(synchroniser.run(stopped));
            });
        let handle = self.guard("synchroniser".to_owned(), async move {
            if thread.is_err() {
                return Err(LedgerError::Closed);
            }
            // A thread that panicked drops its end of the channel.
            ended.await.unwrap_or(Err(LedgerError::Closed))
        });
        self.synchroniser = Some(Task { stop, handle });
    }

    /// Runs a loop; one that cannot go on ends the daemon, with a reason.
    fn guard<F>(&self, what: String, run: F) -> JoinHandle<()>
    where
        F: Future<Output = Result<(), LedgerError>> + Send + 'static,
    {
        let fatal = self.fatal.clone();
        let running = tokio::spawn(run);
        tokio::spawn(async move {
            let why = match running.await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error.to_string(),
                Err(error) if error.is_cancelled() => return,
                Err(_) => "it broke off; see the log".to_owned(),
            };
            tracing::error!(event = "loop_ended", what, error = why, "cannot go on");
            fatal.send_replace(Some(format!("{what}: {why}")));
        })
    }

    /// Ends everything: polling first, then decisions, then messages under way.
    pub async fn drain(mut self) {
        let _ = self.synchroniser.as_ref().map(|task| task.stop.send(true));
        let mut ending = JoinSet::new();
        let listeners = std::mem::take(&mut self.listeners);
        let pollers = std::mem::take(&mut self.pollers);
        for task in listeners.into_values().chain(pollers.into_values()) {
            ending.spawn(task.end());
        }
        while ending.join_next().await.is_some() {}
        if let Some(task) = self.synchroniser.take() {
            task.end().await;
        }
        for task in std::mem::take(&mut self.deliverers).into_values() {
            ending.spawn(task.end());
        }
        // What left the configuration may still have a message under way.
        for task in std::mem::take(&mut self.leaving.deliverers).into_values() {
            ending.spawn(async move {
                let _ = tokio::time::timeout(DRAIN, task).await;
            });
        }
        while ending.join_next().await.is_some() {}
        let _ = self.ledger.flush().await;
    }
}

/// The same process without anything to do: what the first configuration is compared with.
fn nothing(config: &Config) -> Config {
    Config {
        daemon: config.daemon.clone(),
        accounts: BTreeMap::new(),
        groups: BTreeMap::new(),
        channels: BTreeMap::new(),
        plugins: BTreeMap::new(),
    }
}

fn secret(
    source: &fillsync_config::SecretSource,
    setting: &str,
    warnings: &mut Vec<String>,
) -> anyhow::Result<SecretString> {
    let resolved = source.resolve(setting)?;
    warnings.extend(resolved.warning);
    Ok(resolved.secret)
}

fn secrets_of_account(
    account: &Account,
    warnings: &mut Vec<String>,
) -> anyhow::Result<[SecretString; 2]> {
    let name = &account.name;
    Ok([
        secret(
            &account.api_key,
            &format!("account {name}: api_key"),
            warnings,
        )?,
        secret(
            &account.api_secret,
            &format!("account {name}: api_secret"),
            warnings,
        )?,
    ])
}

fn secret_of_channel(
    channel: &ChannelConfig,
    warnings: &mut Vec<String>,
) -> anyhow::Result<Option<SecretString>> {
    let name = &channel.name;
    match &channel.kind {
        ChannelKind::Stdout => Ok(None),
        ChannelKind::Telegram(telegram) => {
            secret(&telegram.token, &format!("channel {name}: token"), warnings).map(Some)
        }
        ChannelKind::Webhook(webhook) => webhook
            .secret
            .as_ref()
            .map(|source| secret(source, &format!("channel {name}: secret"), warnings))
            .transpose(),
    }
}

/// One digest of several secrets; their lengths keep "ab", "c" apart from "a", "bc".
fn digest_of<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Digest {
    let mut hash = Sha256::new();
    for secret in secrets {
        let bytes = secret.expose_secret().as_bytes();
        hash.update(bytes.len().to_be_bytes());
        hash.update(bytes);
    }
    hash.finalize().into()
}

/// Whether a secret is another one now. One that cannot be read is told, and is not another one.
fn is_other(who: &str, before: &Digest, now: Result<Digest, &anyhow::Error>) -> bool {
    match now {
        Ok(now) => now != *before,
        Err(error) => {
            tracing::error!(event = "secret_unreadable", who, %error, "what was in use stays in use");
            false
        }
    }
}

/// What the loops need to know of a configuration.
fn policy_of(config: &Config) -> anyhow::Result<Policy> {
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
        groups: channel
            .groups
            .as_ref()
            .map(|groups| groups.iter().cloned().collect()),
        can_edit: match &channel.kind {
            ChannelKind::Telegram(_) => true,
            ChannelKind::Webhook(webhook) => webhook.edits,
            ChannelKind::Stdout => false,
        },
    }
}

/// The names of the components that the binary carries.
#[must_use]
pub fn known_plugins() -> Vec<&'static str> {
    fillsync_plugin_host::first_party()
        .iter()
        .map(|plugin| plugin.name)
        .collect()
}

/// The plugin names that a configuration uses.
#[must_use]
pub fn plugins_in_use(config: &Config) -> BTreeSet<fillsync_core::id::PluginName> {
    let strategies = config
        .groups
        .values()
        .filter_map(|group| match &group.strategy {
            Strategy::Plugin(name) => Some(name.clone()),
            Strategy::None => None,
        });
    let formatters = config
        .channels
        .values()
        .map(|channel| channel.formatter.clone());
    strategies
        .chain(formatters)
        .chain(config.plugins.keys().cloned())
        .collect()
}

/// Reads a configuration file and says everything that is wrong with it.
///
/// # Errors
/// The report, ready to print.
pub fn load_config(path: &Path) -> anyhow::Result<fillsync_config::Loaded> {
    fillsync_config::load(path, &known_plugins())
        .map_err(|problems| anyhow!(fillsync_config::report(&problems)))
}
