//! Promise: over HTTP the daemon does what `/openapi.json` says, whatever it is asked.
//!
//! Schemathesis, which somebody else wrote, makes questions from the description, good ones and bad ones,
//! and holds every answer against it. It runs against the real daemon with a token, after trades with a
//! difference and a dead letter, so that no list is empty. All of its checks are on. One path is left out:
//! `/events/stream` never ends by itself, and a client that reads to the end would wait for it; what it
//! promises is tested in `host/api/src/tests/listening.rs`.

use crate::rig::{API_TOKEN, Daemon, Rig, eventually, so};
use crate::tools::{python, run};
use serde_json::Value;
use std::process::Command;

fn told() -> (Rig, Daemon, String) {
    let rig = Rig::new();
    rig.edit(
        "listen =",
        "api_token = { env = \"RIG_API_TOKEN\" }\nlisten =",
    );
    rig.with_telegram();
    rig.telegram.block_chat("-1001234");
    let daemon = rig.start();
    let token = format!("Authorization: Bearer {API_TOKEN}\r\n");
    eventually("the daemon is ready", || {
        let (status, body) = daemon.ask("/ready");
        so(status == 200, (status, body))
    });
    rig.place("mirror", 1);
    rig.fill(&rig.place("main", 1));
    eventually("a difference and a dead letter", || {
        let ask = |path: &str| -> Value {
            serde_json::from_str(&daemon.ask_with(path, &token).1).unwrap()
        };
        let (open, dead) = (ask("/divergences?open=true"), ask("/outbox?state=dead"));
        so(
            open["open"] == 1 && dead["count"].as_u64() > Some(0),
            (open, dead),
        )
    });
    (rig, daemon, token)
}

#[test]
fn schemathesis_gets_no_answer_that_the_description_does_not_tell() {
    let (_rig, daemon, _) = told();
    let python = python("http");
    let url = format!("http://{}/openapi.json", daemon.address());
    let output = run(
        Command::new(python.with_file_name("schemathesis"))
            .args([
                "run",
                &url,
                "--checks",
                "all",
                "--phases",
                "examples,coverage,fuzzing",
            ])
            .args(["--header", &format!("Authorization: Bearer {API_TOKEN}")])
            .args(["--exclude-path", "/events/stream"])
            .args([
                "--max-examples",
                "12",
                "--seed",
                "20261128",
                "--generation-deterministic",
            ])
            .args(["--request-timeout", "20", "--workers", "2", "--no-color"])
            .current_dir(python.parent().unwrap())
            .env("PYTHONUNBUFFERED", "1"),
        "an answer is not as /openapi.json says, or the daemon failed",
    );
    let text = String::from_utf8_lossy(&output);
    // A run that tested nothing would be well as well.
    assert!(text.contains("Tested: "), "{text}");
    let (status, body) = daemon.ask("/health");
    assert_eq!(status, 200, "{body}");
}
