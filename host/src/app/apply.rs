//! How a configuration takes effect: what it needs is opened, who changed is told to stop, and the
//! successors start, each when its predecessor has recorded what it had under way.
//!
//! Nothing that runs is touched before everything new is open (law 15). Deliberately absent: what a
//! configuration means (`policy`) and how its sources are opened (`open`).

use super::open::{Opened, OpenedVenue};
use super::policy::policy_of;
use super::{App, Task};
use crate::drive::deliver::Deliverer;
use crate::drive::digest::Patience;
use crate::drive::poll::{PollSettings, Poller};
use crate::drive::stream::Listener;
use crate::drive::synchronise::Synchroniser;
use crate::drive::wake::Life;
use crate::policy::Policy;
use crate::shelf::Offered;
use anyhow::anyhow;
use fillsync_config::{Account, Change, Channel as ChannelConfig, Config, Step};
use fillsync_core::id::{AccountName, ChannelName};
use fillsync_core::port::{Channel, Venue};
use fillsync_ledger::LedgerError;
use fillsync_plugin_host::Target;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Runs when what came before is over, so that a message under way is recorded before its successor
/// looks at the outbox.
async fn after<T>(before: Option<JoinHandle<()>>, run: impl Future<Output = T>) -> T {
    if let Some(before) = before {
        // One that broke off has said so, and is over.
        let _ = before.await;
    }
    run.await
}

impl App {
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
        self.shelf
            .aim(opened.channels.iter().map(|(name, channel)| Target {
                channel: name.clone(),
                kind: channel.kind().to_owned(),
                limits: *channel.limits(),
                edits: false,
            }));
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
            patience: Patience {
                quiet: settings.quiet.clone(),
                backlog_after: settings.backlog_after,
            },
            refusing_since: std::sync::Mutex::default(),
            failing_since: std::sync::Mutex::default(),
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
}
