//! The example file shows every key and every default, and means what it says.

use super::read;
use crate::{EXAMPLE, MINIMAL, SECTIONS, report};
use std::path::Path;
use std::time::Duration;

#[test]
fn both_files_are_read_without_a_word() {
    for text in [EXAMPLE, MINIMAL] {
        match read(text) {
            Ok(loaded) => assert!(loaded.warnings.is_empty(), "{}", report(&loaded.warnings)),
            Err(problems) => panic!("{}", report(&problems)),
        }
    }
}

#[test]
fn every_key_and_every_default_stands_in_the_example() {
    for section in SECTIONS {
        let (section, keys) = (section.title, section.keys);
        for key in keys {
            // A key that holds a table may be a section of its own.
            let name = key.name;
            let pattern = format!(r"(?m)(^|[#{{,] ?){name}\s*=|^\[+[a-z]+\.{name}\]");
            let shown = regex::Regex::new(&pattern).unwrap();
            assert!(
                shown.is_match(EXAMPLE),
                "{section}: {} is not shown",
                key.name
            );
            assert!(!key.about.trim().is_empty(), "{section}: {}", key.name);
            let Some(default) = key.default.filter(|_| key.name != "limits") else {
                continue;
            };
            let default = default.split_whitespace().collect::<Vec<_>>().join(" ");
            let pattern = format!(r"{}\s*=\s*{}", key.name, regex::escape(&default));
            let shown = regex::Regex::new(&pattern).unwrap();
            let default = format!("{} = {default}", key.name);
            assert!(shown.is_match(EXAMPLE), "{section}: {default} is not shown");
        }
    }
}

#[test]
fn what_the_example_calls_a_default_is_one() {
    let is_default = |line: &&str| {
        !line.starts_with('#')
            && (line.contains("# default;")
                || line.ends_with("# default")
                || line.contains("# default for"))
            || line.starts_with("alerts ") && line.contains("\"fill\"")
    };
    let removed = EXAMPLE.lines().filter(is_default).count();
    let rest: Vec<&str> = EXAMPLE.lines().filter(|line| !is_default(line)).collect();
    assert!(removed > 20, "only {removed} defaults are shown");
    let whole = read(EXAMPLE).unwrap().config;
    let short = read(&rest.join("\n")).unwrap().config;
    assert_eq!(whole, short);
}

#[test]
fn the_lines_that_are_switched_off_can_be_switched_on() {
    let key = regex::Regex::new(r"(?m)^# ([a-z_0-9]+ +=)").unwrap();
    let text = key.replace_all(EXAMPLE, "$1");
    let config = read(&text)
        .map_err(|problems| report(&problems))
        .unwrap()
        .config;
    assert!(config.daemon.api_token.is_some());
    assert!(
        config
            .groups
            .values()
            .any(|group| group.slot_token.is_some())
    );
    assert!(
        config
            .plugins
            .values()
            .all(|plugin| plugin.sha256.is_some() && plugin.file.is_some())
    );
}

#[test]
fn paths_are_taken_from_the_folder_of_the_file() {
    let config = read(MINIMAL).unwrap().config;
    assert_eq!(
        config.daemon.database,
        Path::new("/etc/fillsync/fillsync.db")
    );
    let absolute = format!("[daemon]\ndatabase = \"/var/lib/x.db\"\n{MINIMAL}");
    let config = read(&absolute).unwrap().config;
    assert_eq!(config.daemon.database, Path::new("/var/lib/x.db"));
}

#[test]
fn defaults_that_depend_on_something_follow_it() {
    let config = read(EXAMPLE).unwrap().config;
    let urls: Vec<&str> = config
        .accounts
        .values()
        .map(|a| a.base_url.as_str())
        .collect();
    assert_eq!(
        urls,
        [
            "https://paper-api.alpaca.markets",
            "https://api.bybit.com",
            "https://api.bybit.com"
        ]
    );
    let bot = config.accounts.values().next().unwrap();
    assert_eq!(
        bot.categories
            .iter()
            .map(|c| c.as_str())
            .collect::<Vec<_>>(),
        ["fills"]
    );
    let text = EXAMPLE.replace("alert_max_age = \"10m\"", "alert_max_age = \"1h\"");
    let config = read(&text).unwrap().config;
    assert!(
        config
            .groups
            .values()
            .all(|g| g.alert_max_age == Duration::from_secs(3_600))
    );
}
