//! From a file to a checked configuration, or to everything that is wrong with it.
//!
//! First each value is read by its type, then the whole is judged: names that lead nowhere, a mirror
//! that two groups would count, a deadline before its settle, an open door without a token. Problems
//! of the first kind do not hide those of the second, unless the file is not even TOML. Nothing
//! outside the file is looked at: no secret, no plugin and no address is tried.

use crate::field::plugin_name;
use crate::judge::{Declared, judge};
use crate::notes::{Footing, Notes};
use crate::problem::{Problem, Severity};
use crate::read::{Key, Read, Section, Value, nearest_or_all, quoted};
use crate::schema::{Account, Channel, Config, Daemon, Group, Plugin};
use fillsync_core::id::PluginName;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// The largest configuration file, in bytes. A thousand accounts need a third of it.
pub const CONFIG_BYTES_MAX: usize = 1 << 20;

/// The complete example: every key, with its default.
pub const EXAMPLE: &str = include_str!("../../../config/fillsync.toml");

/// The smallest configuration that does something useful.
pub const MINIMAL: &str = include_str!("../../../config/minimal.toml");

/// A configuration that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What somebody should look at; it is used all the same.
    pub warnings: Vec<Problem>,
}

const TOP_KEYS: &[Key] = &[
    Key {
        name: "daemon",
        about: "What concerns the process.",
        default: Some("{}"),
    },
    Key {
        name: "account",
        about: "The accounts.",
        default: None,
    },
    Key {
        name: "group",
        about: "The groups.",
        default: None,
    },
    Key {
        name: "channel",
        about: "The channels.",
        default: None,
    },
    Key {
        name: "plugin",
        about: "What is set for plugins.",
        default: None,
    },
];

/// Reads and checks the configuration at `path`. Relative paths in it are taken from its folder.
/// `known_plugins` are the names of those that are built in.
///
/// It reads a file, so call it where blocking is allowed.
///
/// # Errors
/// Everything that is wrong with the file, by place.
pub fn load(path: &Path, known_plugins: &[&str]) -> Result<Loaded, Vec<Problem>> {
    let file = path.display().to_string();
    let refuse = |message: String, help: &str| Err(vec![Problem::of_file(&file, message, help)]);
    let unreadable = |error: &std::io::Error| {
        let help = "give the path of a readable file with --config";
        refuse(format!("the configuration cannot be read: {error}"), help)
    };
    // Asked before opening: opening a pipe would wait for a writer for ever.
    match std::fs::metadata(path) {
        Err(error) => return unreadable(&error),
        Ok(metadata) if !metadata.is_file() => {
            return refuse(
                "the configuration is no plain file".to_owned(),
                "give the path of the TOML file itself",
            );
        }
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(CONFIG_BYTES_MAX).unwrap_or(u64::MAX);
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes));
    if let Err(error) = read {
        return unreadable(&error);
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    parse_bytes(&bytes, &file, folder, known_plugins)
}

/// Checks the bytes of a configuration; `file` names it in problems, `folder` is what relative paths
/// in it are taken from.
///
/// # Errors
/// Everything that is wrong with it, by place.
pub fn parse_bytes(
    bytes: &[u8],
    file: &str,
    folder: &Path,
    known_plugins: &[&str],
) -> Result<Loaded, Vec<Problem>> {
    match std::str::from_utf8(bytes) {
        _ if bytes.len() > CONFIG_BYTES_MAX => Err(vec![too_large(file)]),
        Ok(text) => parse(text, file, folder, known_plugins),
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
            Err(vec![Problem::of_file(
                file,
                format!(
                    "the configuration is not UTF-8: the byte at offset {} (line {line}) is no text",
                    error.valid_up_to()
                ),
                "save the file as UTF-8",
            )])
        }
    }
}

fn too_large(file: &str) -> Problem {
    Problem::of_file(
        file,
        format!("the configuration has more than {CONFIG_BYTES_MAX} bytes"),
        "is this the right file?",
    )
}

/// Checks the text of a configuration, as [`parse_bytes`] does.
///
/// # Errors
/// Everything that is wrong with it, by place.
pub fn parse(
    text: &str,
    file: &str,
    folder: &Path,
    known_plugins: &[&str],
) -> Result<Loaded, Vec<Problem>> {
    if text.len() > CONFIG_BYTES_MAX {
        return Err(vec![too_large(file)]);
    }
    let notes = Notes::new(text, folder);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        let help = syntax_help(error.message());
        let (severity, footing) = (Severity::Error, Footing::Syntax);
        let message = format!("this is not TOML: {}", error.message());
        notes.add(severity, footing, span, "", message, Some(help.to_owned()));
    }
    // After a broken text of several lines its rest, perhaps a secret, could look like a key.
    let is_lost = !errors.is_empty() && (text.contains("\"\"\"") || text.contains("'''"));
    let config = if is_lost {
        None
    } else {
        read(table.get_ref(), &notes, known_plugins)
    };
    let problems = notes.into_problems(file);
    let is_refused = problems
        .iter()
        .any(|problem| problem.severity == Severity::Error);
    match config {
        Some(config) if !is_refused => Ok(Loaded {
            config,
            warnings: problems,
        }),
        _ => Err(problems),
    }
}

fn syntax_help(message: &str) -> &'static str {
    if message.contains("recurs") {
        "nothing here is nested that deep"
    } else if message.contains("duplicate key") {
        "remove one of the two; several accounts, groups or channels are written [[account]], [[group]], [[channel]]"
    } else {
        "text stands in quotes; a section begins with [daemon], [[account]], [[group]], [[channel]] or [plugin.NAME]"
    }
}

fn read(table: &DeTable<'_>, notes: &Notes<'_>, known_plugins: &[&str]) -> Option<Config> {
    let root = Section::root(table, notes, TOP_KEYS);
    let daemon = Daemon::take(&root, "daemon");
    // Where [daemon] is wrong its problems are noted; the groups still need some default.
    let age = daemon.as_ref().map(|daemon| daemon.alert_max_age);
    let age = age.unwrap_or(std::time::Duration::ZERO);
    let accounts = named(&root, "account", Account::read);
    let groups = named(&root, "group", |value| Group::read_in(value, age));
    let channels = named(&root, "channel", Channel::read);
    let plugins = plugins(&root, known_plugins);
    root.close();
    let declared = Declared {
        accounts: accounts.names(),
        groups: groups.names(),
        channels: channels.items.len(),
        plugins: plugins
            .keys()
            .map(PluginName::as_str)
            .chain(known_plugins.iter().copied())
            .collect(),
    };
    let is_whole = daemon.is_some();
    let empty = DeTable::new();
    let defaults = Section::root(&empty, notes, TOP_KEYS);
    let config = Config {
        daemon: daemon.or_else(|| Daemon::take(&defaults, "daemon"))?,
        accounts: by_name(&accounts, |account| account.name.clone()),
        groups: by_name(&groups, |group| group.name.clone()),
        channels: by_name(&channels, |channel| channel.name.clone()),
        plugins: plugins
            .iter()
            .filter_map(|(name, plugin)| Some((name.clone(), plugin.clone()?)))
            .collect(),
    };
    judge(&config, &declared, notes);
    is_whole.then_some(config)
}

/// What an array of tables declared: every name, and what could be read.
struct Named<T> {
    items: Vec<(Option<String>, Option<T>)>,
}

impl<T> Named<T> {
    fn names(&self) -> Vec<&str> {
        self.items
            .iter()
            .filter_map(|(name, _)| name.as_deref())
            .collect()
    }
}

fn by_name<N: Ord, T: Clone>(named: &Named<T>, name: impl Fn(&T) -> N) -> BTreeMap<N, T> {
    let items = named.items.iter().filter_map(|(_, item)| item.as_ref());
    items.map(|item| (name(item), item.clone())).collect()
}

/// Reads `[[account]]` and its like; the key of each is `account.NAME`, or its number where it has
/// no name of its own.
fn named<'a, T>(
    root: &Section<'a>,
    kind: &'static str,
    read: impl Fn(&Value<'a>) -> Option<T>,
) -> Named<T> {
    let mut named = Named { items: Vec::new() };
    let Some(list) = root.value(kind) else {
        return named;
    };
    let DeValue::Array(nodes) = list.node.get_ref() else {
        list.wrong::<()>(
            format!("`{kind}` must be a list of tables"),
            format!("write [[{kind}]] with two brackets on each side, and `name = \"…\"` under it"),
        );
        return named;
    };
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (at, node) in nodes.iter().enumerate() {
        let name_node = node
            .get_ref()
            .as_table()
            .and_then(|table| table.get("name"));
        let name = name_node
            .and_then(|name| name.get_ref().as_str())
            .filter(|name| !name.is_empty());
        let first_line = name.and_then(|name| places.get(name));
        let key = match name {
            Some(name) if first_line.is_none() => {
                format!("{kind}.{}", name.chars().take(64).collect::<String>())
            }
            _ => format!("{kind}[{at}]"),
        };
        if let (Some(line), Some(name), Some(name_node)) = (first_line, name, name_node) {
            root.notes.wrong(
                name_node.span(),
                &key,
                format!("there are two {kind}s named {}", quoted(name)),
                format!("the first is at line {line}; give each a name of its own"),
            );
        }
        if let (Some(name), Some(name_node)) = (name, name_node) {
            let line = root.notes.line_of(&name_node.span());
            places.entry(name.to_owned()).or_insert(line);
        }
        let value = Value::new(node, key, root.notes, false);
        named.items.push((name.map(str::to_owned), read(&value)));
    }
    named
}

/// Reads `[plugin.NAME]`; a name whose entry is wrong is there without a value.
fn plugins(root: &Section<'_>, known: &[&str]) -> BTreeMap<PluginName, Option<Plugin>> {
    let Some(value) = root.value("plugin") else {
        return BTreeMap::new();
    };
    if matches!(value.node.get_ref(), DeValue::Array(_)) {
        value.wrong::<()>(
            "`plugin` must be a table",
            "write [plugin.max-count] with one bracket on each side",
        );
        return BTreeMap::new();
    }
    let mut plugins = BTreeMap::new();
    for entry in value
        .entries("a table of plugins", "{ … }")
        .unwrap_or_default()
    {
        match plugin_name(entry.name) {
            Ok(name) => {
                plugins.insert(name, Plugin::read(&entry.value));
            }
            Err(error) => {
                let help = nearest_or_all(entry.name, known);
                let help = format!("{}; built in: {help}", error.remedy);
                root.notes
                    .wrong(entry.name_span, &entry.value.key, error.wanted, help);
            }
        }
    }
    plugins
}
