//! A strategy of the made-up later version: every account is shown what anybody filled, slot by slot.
#![cfg(target_arch = "wasm32")]
#![allow(missing_docs, unreachable_pub, clippy::all)]

wit_bindgen::generate!({
    path: ["../../../wit/v1", "../wit"],
    world: "fillsync:plugin/strategy-plugin@2.0.0",
    generate_all,
});

use exports::fillsync::plugin1_0_0::description::{Guest as Describes, Info, Kind};
use exports::fillsync::plugin1_0_0::settings::{Diagnostic, Guest as Configures};
use exports::fillsync::plugin2_0_0::strategy::{Guest as Decides, Shown, View};

struct Next;

impl Describes for Next {
    fn describe() -> Info {
        Info {
            name: "next-strategy".to_owned(),
            version: "2.0.0".to_owned(),
            kind: Kind::Strategy,
            summary: "Answers with slots.".to_owned(),
            settings_schema: r#"{"type":"object","additionalProperties":false}"#.to_owned(),
            attributes: Vec::new(),
        }
    }
}

impl Configures for Next {
    fn configure(_json: String) -> Vec<Diagnostic> {
        Vec::new()
    }
}

impl Decides for Next {
    fn decide(view: View) -> Option<Vec<Shown>> {
        let slots: Vec<u32> = view
            .slots
            .iter()
            .filter(|slot| !slot.counted_by.is_empty())
            .map(|slot| slot.ordinal)
            .collect();
        Some(
            view.members
                .into_iter()
                .map(|member| Shown {
                    account: member.account,
                    slots: slots.clone(),
                })
                .collect(),
        )
    }
}

export!(Next);
