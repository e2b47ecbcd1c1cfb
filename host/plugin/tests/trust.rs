//! Whether a file is let in: by a pin, by an approval, by a signature; and by nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod common;
#[path = "../../../tests/rig/signer.rs"]
mod signer;

use common::{first_party_bytes, name};
use fillsync_plugin_host::{Approval, Demand, Trust, imports};
use sha2::{Digest as _, Sha256};
use signer::Signer;

const FILE: &str = "house.wasm";

fn bytes() -> &'static [u8] {
    first_party_bytes("max-count")
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// What is said of a content: "in", or why not.
fn told(trust: &Trust, bytes: &[u8]) -> String {
    match trust.permits(&name("house"), bytes) {
        Ok(()) => "in".to_owned(),
        Err(why) => why.to_string(),
    }
}

fn signed(keys: &[&Signer], signature: Option<Vec<u8>>, bytes: &[u8]) -> String {
    let demand = Demand::Signature {
        keys: keys.iter().map(|signer| signer.key()).collect(),
        signature,
        file: FILE.to_owned(),
    };
    told(&Trust { pin: None, demand }, bytes)
}

fn approved(approvals: Vec<Approval>, bytes: &[u8]) -> String {
    let demand = Demand::Approval { approvals };
    told(&Trust { pin: None, demand }, bytes)
}

#[test]
fn a_signature_lets_in_what_was_signed_and_nothing_else() {
    let (own, other) = (Signer::new(1), Signer::new(2));
    let good = || Some(own.sign(bytes(), FILE));
    assert_eq!(signed(&[&own], good(), bytes()), "in");
    assert_eq!(signed(&[&other, &own], good(), bytes()), "in");
    let changed = first_party_bytes("quorum");
    let legacy = String::from_utf8(good().unwrap())
        .unwrap()
        .replacen("\nRUR", "\nRWR", 1);
    for (keys, signature, bytes, why) in [
        (vec![&own], None, bytes(), "there is no house.wasm.minisig"),
        (vec![&other], good(), bytes(), "none of the keys"),
        (vec![], good(), bytes(), "none of the keys"),
        (vec![&own], good(), changed, "none of the keys"),
        (
            vec![&own],
            Some(own.sign(bytes(), "other.wasm")),
            bytes(),
            "about a file \"other.wasm\"",
        ),
        (
            vec![&own],
            Some(legacy.into_bytes()),
            bytes(),
            "none of the keys",
        ),
        (
            vec![&own],
            Some(b"nonsense".to_vec()),
            bytes(),
            "no signature of minisign",
        ),
        (
            vec![&own],
            Some(vec![0xff; 300]),
            bytes(),
            "no signature of minisign",
        ),
    ] {
        let told = signed(&keys, signature, bytes);
        assert!(told.contains(why), "wanted {why}, got {told}");
    }
}

#[test]
fn every_changed_byte_of_a_signature_is_noticed() {
    let own = Signer::new(1);
    let good = own.sign(bytes(), FILE);
    // The untrusted comment is free text that nothing depends on.
    let body = good.iter().position(|byte| *byte == b'\n').unwrap();
    for at in body + 1..good.len() - 1 {
        let mut changed = good.clone();
        changed[at] ^= 4;
        let told = signed(&[&own], Some(changed.clone()), bytes());
        let text = String::from_utf8_lossy(&changed).into_owned();
        assert_ne!(told, "in", "byte {at} of {text}");
    }
}

#[test]
fn a_key_that_is_none_is_named() {
    let demand = Demand::Signature {
        keys: vec!["RWnonsense".to_owned()],
        signature: Some(Signer::new(1).sign(bytes(), FILE)),
        file: FILE.to_owned(),
    };
    let told = told(&Trust { pin: None, demand }, bytes());
    assert!(told.contains("\"RWnonsense\""), "{told}");
}

#[test]
fn an_approval_is_of_one_content_with_its_imports() {
    let approval = |bytes: &[u8], imports: Vec<String>| Approval {
        sha256: sha256(bytes),
        imports,
    };
    let of_this = || imports(bytes()).unwrap();
    let nothing = approved(vec![], bytes());
    assert!(nothing.contains("nobody approved it"), "{nothing}");
    assert!(
        nothing.contains("fillsync plugin approve house"),
        "{nothing}"
    );
    assert_eq!(approved(vec![approval(bytes(), of_this())], bytes()), "in");
    let changed = approved(
        vec![approval(bytes(), of_this())],
        first_party_bytes("quorum"),
    );
    assert!(changed.contains("not what was approved"), "{changed}");
    assert!(changed.contains(&sha256(bytes())), "{changed}");
    // An older approval is as good as the newest one.
    let both = vec![
        approval(bytes(), of_this()),
        approval(first_party_bytes("quorum"), vec![]),
    ];
    assert_eq!(approved(both, bytes()), "in");
}

#[test]
fn a_pin_refuses_another_content_and_is_an_approval_of_its_own() {
    let demand = Demand::Approval { approvals: vec![] };
    let pin = Some(sha256(bytes()));
    let trust = Trust { pin, demand };
    assert_eq!(told(&trust, bytes()), "in");
    let other = told(&trust, first_party_bytes("quorum"));
    assert!(other.contains("the configuration pins"), "{other}");
}
