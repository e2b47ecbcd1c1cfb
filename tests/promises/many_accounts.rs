//! Promise: hundreds of accounts on one network address are polled within the venue's limits, each in
//! its turn.
//!
//! The venue counts the requests of one address over all keys, and bans the address for ten minutes
//! when it is asked too fast: one eager account would blind all of them. The fake holds the published
//! limits (50 requests a second for a key, 600 in 5 s for the address) and bans like the venue.

use crate::rig::{Rig, eventually_within, so};
use fillsync_fake::{BybitAccount, LoggedRequest, Rate};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

/// Accounts beside the two of the rig.
const MANY: usize = 198;
/// Whole rounds that each account must have had.
const ROUNDS: usize = 2;
/// Two hundred accounts at three requests a round and a hundred requests a second take six seconds for a
/// round; a slow machine may take its time.
const PATIENCE: Duration = Duration::from_secs(120);

fn private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn two_hundred_accounts_share_one_address_within_its_limits_and_none_waits_longer_than_its_turn() {
    let rig = Rig::new();
    rig.bybit.rules(|rules| {
        rules.per_uid = Rate::new(50, 1_000);
        rules.per_ip = Rate::new(600, 5_000);
    });
    let mut config = rig
        .config()
        .replace("poll_every = \"100ms\"", "poll_every = \"500ms\"");
    private(&rig.folder.path().join("secret"), "a-secret-of-many");
    for number in 0..MANY {
        let (name, key) = (format!("m{number}"), format!("KEY{number}"));
        private(&rig.folder.path().join(format!("key-{name}")), &key);
        let user = 5_000 + u64::try_from(number).unwrap();
        rig.bybit
            .add_account(BybitAccount::new(&name, &key, "a-secret-of-many", user));
        config.push_str(&format!(
            "[[account]]\nname = \"{name}\"\nvenue = \"bybit\"\nbase_url = \"{}\"\nstream = false\n\
             api_key = {{ file = \"key-{name}\" }}\napi_secret = {{ file = \"secret\" }}\n\
             poll_every = \"500ms\"\nlookback = \"1h\"\n",
            rig.bybit.base_url()
        ));
    }
    rig.edit(&rig.config(), &config);
    let daemon = rig.start();
    eventually_within(PATIENCE, "every account has caught up", || {
        let (status, body) = daemon.ask("/ready");
        so(status == 200, body)
    });
    let refused = refusals(&rig);
    assert!(refused.is_empty(), "the venue refused {refused:?}");
    // First rounds may be long and have turns of their own; from now on all are alike.
    rig.bybit.requests().clear();
    let rounds = || -> BTreeMap<String, usize> {
        let mut rounds = BTreeMap::new();
        for request in rig.bybit.requests().of("/v5/execution/list") {
            if let Some(account) = request.account.filter(|_| request.page == 1) {
                *rounds.entry(account).or_default() += 1;
            }
        }
        rounds
    };
    let counts = eventually_within(PATIENCE, "every account was read again and again", || {
        let counts = rounds();
        let least = counts.values().min().copied().unwrap_or(0);
        so(
            counts.len() == MANY + 2 && least >= ROUNDS,
            (counts.len(), least),
        )?;
        Ok(counts)
    });
    let (least, most) = (
        counts.values().min().unwrap(),
        counts.values().max().unwrap(),
    );
    // One may have begun its round just before the counting began, another just after.
    assert!(
        most - least <= 2,
        "{least} rounds of one, {most} of another: {counts:?}"
    );
    let refused = refusals(&rig);
    assert!(refused.is_empty(), "the venue refused {refused:?}");
    let failed = daemon.events("poll_failed");
    assert!(failed.is_empty(), "{failed:?}");
}

fn refusals(rig: &Rig) -> Vec<LoggedRequest> {
    let mut requests = rig.bybit.requests().all();
    requests.retain(|request| request.status != Some(200));
    requests
}
