//! No problem shows a secret, wherever somebody pasted it (law 16).

use super::printed;
use crate::{EXAMPLE, MINIMAL};
use proptest::prelude::*;

const SECRET: &str = "HUSHabcdefHUSH";

#[test]
fn a_secret_in_the_file_is_never_shown() {
    let key = "{ env = \"BYBIT_MAIN_KEY\" }";
    for pasted in [
        "\"HUSHabcdefHUSH\"",
        "'HUSHabcdefHUSH'",
        "\"\"\"\nHUSHabcdefHUSH\"\"\"",
        "{ env = \"HUSH-abcdef-HUSH\" }",
        "{ env = \"HUSHabcdefHUSH\" }",
        "{ value = \"HUSHabcdefHUSH\" }",
        "{ \"HUSHabcdefHUSH\" = 1 }",
        "{ env = \"A\", HUSHabcdefHUSH = 1 }",
        "[\"HUSHabcdefHUSH\"]",
        "HUSHabcdefHUSH",
        "\"HUSHabcdefHUSH",
        "\"\"\"\nHUSHabcdefHUSH\n",
        "\"\"\"\nx = \"HUSHabcdefHUSH\"\n",
    ] {
        let text = MINIMAL.replace(key, pasted);
        assert_ne!(text, MINIMAL);
        let shown = printed(&text);
        assert!(!shown.contains("HUSH"), "{pasted}\n{shown}");
    }
}

#[test]
fn a_secret_beside_a_mistake_is_never_shown() {
    for text in [
        "account = [{ name = \"m\", venue = \"x\", api_key = \"HUSH\", api_secret = \"HUSH\" }]",
        "[[account]]\napi_kye = \"HUSH\"",
        "[[account]]\napi_kye = { env = \"HUSH\", poll_every = 3 }",
        "[[account]]\nbase_url = \"https://user:HUSH@example.com\"",
        "[[channel]]\nkind = \"webhook\"\nname = \"w\"\nurl = \"ftp://example.com/HUSH\"",
        "channel = [{ kind = \"webhook\", nmae = \"w\", url = \"https://example.com/HUSH\" }]",
        "[[channel]]\nkind = \"discord\"\nwebhook_url = \"https://example.com/HUSH\"",
        "[[channel]]\nkind = \"discord\"\nname = \"d\"\nurl = \"https://discord.com/api/webhooks/1/HUSH\"",
        "[[channel]]\nkind = \"slack\"\nname = \"s\"\ntoken = \"xoxb-HUSH\"",
        "[[channel]]\nkind = \"email\"\nname = \"e\"\npassword = \"HUSH\"",
        "token = \"HUSH",
        "[[channel]]\nkind = \"telegram\" token = \"HUSH\"",
    ] {
        let shown = printed(text);
        assert!(
            shown.contains("error") && !shown.contains("HUSH"),
            "{text}\n{shown}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    /// One slip of the hand anywhere in a file that has a secret in it.
    #[test]
    fn a_slip_beside_a_secret_does_not_show_it(
        at in 0_usize..8_000,
        length in 0_usize..6,
        put in prop::sample::select(vec!["", "\"", "'", "=", "[", "]", "{", "}", "#", "\n", ".", ",", " ", "\"\"\"", "\\"]),
    ) {
        let pasted = format!("\"{SECRET}\"");
        let text = EXAMPLE
            .replace("{ env = \"BYBIT_MAIN_KEY\" }", &pasted)
            .replace("{ env = \"TELEGRAM_TOKEN\" }", &pasted);
        let secrets: Vec<usize> = text.match_indices(SECRET).map(|(at, _)| at).collect();
        prop_assert_eq!(secrets.len(), 2);
        let from = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let to = (from..=(from + length).min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(from);
        // A slip inside the secret makes it another text; what is left of it is still looked for.
        let slipped = format!("{}{put}{}", &text[..from], &text[to..]);
        let shown = printed(&slipped);
        prop_assert!(!shown.contains("HUSHabc") && !shown.contains("defHUSH"), "{}", shown);
    }
}
