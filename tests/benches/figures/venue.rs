//! The fake Bybit that the daemon polls, with a runtime and a thread of its own.
//!
//! Its limits are raised, because the pace of a venue is not what is measured.

use fillsync_fake::{BybitAccount, BybitOptions, FakeBybit, Rate};
use std::net::SocketAddr;
use tokio::runtime::Runtime;

/// The accounts' key and secret at the fake.
pub const SECRET: &str = "a-secret-of-the-fake";

/// A fake Bybit with a thread of its own.
pub struct Venue {
    pub fake: FakeBybit,
    _runtime: Runtime,
}

impl Venue {
    pub fn start(accounts: &[&str]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let accounts: Vec<BybitAccount> = (1001..)
            .zip(accounts)
            .map(|(uid, name)| BybitAccount::new(name, &key(name), SECRET, uid))
            .collect();
        let fake = runtime
            .block_on(FakeBybit::start(BybitOptions::new(accounts)))
            .unwrap();
        fake.rules(|rules| {
            rules.per_uid = Rate::new(1_000_000, 1_000);
            rules.per_ip = Rate::new(1_000_000, 1_000);
        });
        Self {
            fake,
            _runtime: runtime,
        }
    }

    pub fn address(&self) -> SocketAddr {
        let url = self.fake.base_url();
        url.trim_start_matches("http://").parse().unwrap()
    }
}

/// An account's key at the fake.
pub fn key(account: &str) -> String {
    format!("KEY-{account}")
}
