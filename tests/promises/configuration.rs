//! The configuration: what is wrong with it is said in full, and a bad one changes nothing.

use crate::rig::{Daemon, Rig, SYMBOL, eventually, so};

fn rejected(daemon: &Daemon) -> usize {
    daemon.events("config_rejected").len()
}

#[test]
fn law_15_a_bad_configuration_leaves_the_last_good_one() {
    let rig = Rig::new();
    let daemon = rig.start_ready();
    let good = rig.config();
    let bad: [(&str, Vec<u8>); 6] = [
        ("cut off", good.as_bytes()[..good.len() / 2].to_vec()),
        ("empty", Vec::new()),
        ("not text", vec![0xff, 0xfe, 0x00, 0x80]),
        (
            "an unknown key",
            good.replace("settle =", "setle =").into_bytes(),
        ),
        (
            "no such secret",
            good.replace("RIG_MAIN_KEY", "RIG_NOBODY").into_bytes(),
        ),
        (
            "no such account",
            good.replace("{ account = \"main\"", "{ account = \"nobody\"")
                .into_bytes(),
        ),
    ];
    for (what, bytes) in bad {
        let before = rejected(&daemon);
        std::fs::write(rig.config_path(), bytes).unwrap();
        eventually(&format!("the configuration is rejected: {what}"), || {
            so(rejected(&daemon) > before, daemon.log())
        });
    }
    // It goes on as before, with fills and counts.
    rig.fill(&rig.place("main", 1));
    rig.fill(&rig.place("mirror", 1));
    daemon.wait_for_counts(SYMBOL, [(1, 1), (1, 1)]);
    // The operator is told, and the next good one is taken.
    let system = rig.wait_for("system", 1);
    assert!(
        system[0].text.contains("config-rejected"),
        "{}",
        system[0].text
    );
    rig.edit("settle = \"300ms\"", "settle = \"200ms\"");
    daemon.wait_for_event("config_reloaded");
    rig.fill(&rig.place("main", 2));
    rig.wait_for("fill", 3);
    assert_eq!(daemon.json("/status")["fills"], 3);
}

#[test]
fn an_account_that_is_added_while_it_runs_is_read_from_its_lookback() {
    let rig = Rig::new();
    rig.bybit.add_account(fillsync_fake::BybitAccount::new(
        "third",
        crate::rig::MAIN_SECRET,
        crate::rig::MIRROR_SECRET,
        1003,
    ));
    let order = rig.place("third", 1);
    rig.fill(&order);
    let daemon = rig.start_ready();
    rig.append(&format!(
        "[[account]]\nname = \"third\"\nvenue = \"bybit\"\nbase_url = \"{}\"\n\
         api_key = {{ env = \"RIG_MAIN_SECRET\" }}\napi_secret = {{ env = \"RIG_MIRROR_SECRET\" }}\n\
         poll_every = \"100ms\"\nlookback = \"1h\"\n",
        rig.bybit.base_url()
    ));
    daemon.wait_for_event("config_reloaded");
    eventually("its fill is there", || {
        let have = rig.ledger_ids("third");
        so(have.len() == 1, have)
    });
    // And it leaves again; what it gave stays.
    rig.edit("name = \"third\"\nvenue", "name = \"fourth\"\nvenue");
    eventually("the third is no longer polled", || {
        let (status, body) = daemon.ask("/health");
        so(
            status == 200 && !body.contains("third") && body.contains("fourth"),
            body,
        )
    });
    assert_eq!(rig.ledger_ids("third").len(), 1);
}

#[test]
fn six_mistakes_are_told_at_once_each_with_its_line() {
    let rig = Rig::new();
    let wrong = r#"[daemon]
database = "fillsync.db"
listen = "127.0.0.1"

[[account]]
name = "main"
venue = "bibyt"
api_key = "plain-text-key"
api_secret = { env = "RIG_MAIN_SECRET" }
pol_every = "2s"

[[group]]
name = "desk"
strategy = "max-cout"
settle = "3 parsecs"
members = [{ account = "main", role = "main" }]
"#;
    std::fs::write(rig.config_path(), wrong).unwrap();
    let output = rig.run(&["check", "--offline"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains("plain-text-key"), "{said}");
    let folder = rig.folder.path().display().to_string();
    insta::assert_snapshot!(said.replace(&folder, "[folder]"));
}
