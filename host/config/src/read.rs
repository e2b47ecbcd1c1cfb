//! From TOML to typed values: each type reads itself and notes what is wrong with it.
//!
//! A reader never stops at the first problem: it notes it, gives nothing, and the rest is read. A key
//! that is left out is read from the text of its default, by the same reader, so a default is written
//! once. What several values mean together is judged in `check`.

use crate::notes::{Footing, Notes};
use crate::problem::Severity;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One key of a section, as the manual lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// What it means: the documentation of the field.
    pub about: &'static str,
    /// The value that stands when it is left out, as TOML (a long list may be broken over lines); none where it must be given, has no value
    /// then, or takes one from elsewhere.
    pub default: Option<&'static str>,
}

/// A value in the file, or a default.
pub(crate) struct Value<'a> {
    pub(crate) node: &'a Spanned<DeValue<'a>>,
    pub(crate) key: String,
    pub(crate) notes: &'a Notes<'a>,
    is_default: bool,
}

impl<'a> Value<'a> {
    pub(crate) fn new(
        node: &'a Spanned<DeValue<'a>>,
        key: String,
        notes: &'a Notes<'a>,
        is_default: bool,
    ) -> Self {
        if !is_default {
            notes.remember(&key, node.span());
        }
        Self {
            node,
            key,
            notes,
            is_default,
        }
    }

    pub(crate) fn span(&self) -> Range<usize> {
        self.node.span()
    }

    /// Keeps the value out of every snippet.
    pub(crate) fn mask(&self) {
        if !self.is_default {
            self.notes.mask(self.span());
        }
    }

    /// Notes that the value is wrong.
    pub(crate) fn wrong<T>(
        &self,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        self.notes.wrong(self.span(), &self.key, message, help);
        None
    }

    /// Notes that the value is of the wrong type.
    pub(crate) fn wrong_type<T>(&self, wanted: &str, example: &str) -> Option<T> {
        let found = match self.node.get_ref() {
            DeValue::String(_) => "text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.wrong(
            format!("`{}` must be {wanted}, not {found}", self.last()),
            format!("for instance `{} = {example}`", self.last()),
        )
    }

    /// The key without its section.
    pub(crate) fn last(&self) -> &str {
        self.key.rsplit('.').next().unwrap_or(&self.key)
    }

    pub(crate) fn text(&self, wanted: &str, example: &str) -> Option<&'a str> {
        match self.node.get_ref() {
            DeValue::String(text) => Some(text),
            _ => self.wrong_type(wanted, example),
        }
    }

    /// The elements of a list.
    pub(crate) fn items(&self, wanted: &str, example: &str) -> Option<Vec<Value<'a>>> {
        let DeValue::Array(items) = self.node.get_ref() else {
            return self.wrong_type(wanted, example);
        };
        let item = |(at, node)| {
            let key = format!("{}[{at}]", self.key);
            Value::new(node, key, self.notes, self.is_default)
        };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// The entries of a table, in the order of their keys.
    pub(crate) fn entries(&self, wanted: &str, example: &str) -> Option<Vec<Entry<'a>>> {
        let DeValue::Table(table) = self.node.get_ref() else {
            return self.wrong_type(wanted, example);
        };
        let entry = |(name, node): (&'a Spanned<_>, _)| {
            let text: &'a std::borrow::Cow<'a, str> = name.get_ref();
            let key = format!("{}.{text}", self.key);
            Entry {
                name: text,
                name_span: name.span(),
                value: Value::new(node, key, self.notes, self.is_default),
            }
        };
        Some(table.iter().map(entry).collect())
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let example = format!("\"{}\"", names.first().unwrap_or(&""));
        let text = self.text("one of a few words, as text", &example)?;
        if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(*choice);
        }
        self.wrong(
            format!("{} is no `{}`", quoted(text), self.last()),
            nearest_or_all(text, &names),
        )
    }
}

/// One entry of a table whose keys are free.
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a str,
    pub(crate) name_span: Range<usize>,
    pub(crate) value: Value<'a>,
}

/// A type that is read from one value.
pub(crate) trait Read: Sized {
    /// Reads it, or notes why not.
    fn read(value: &Value<'_>) -> Option<Self>;

    /// Reads it from a section's key, from its default where the key is left out.
    fn take(section: &Section<'_>, key: &'static str) -> Option<Self> {
        let given = section.value(key);
        if let Some(read) = given.as_ref().and_then(Self::read) {
            return Some(read);
        }
        // A wrong value is noted and the file refused for it; with the default in its place the rest
        // of the section can still be judged.
        let Some(default) = section.default_of(key) else {
            if given.is_none() {
                section.missing(key);
            }
            return None;
        };
        let node = DeValue::parse(&default).ok()?;
        let key = section.key_of(key);
        Self::read(&Value::new(&node, key, section.notes, true))
    }
}

impl<T: Read> Read for Option<T> {
    fn read(value: &Value<'_>) -> Option<Self> {
        T::read(value).map(Some)
    }

    fn take(section: &Section<'_>, key: &'static str) -> Option<Self> {
        match section.value(key) {
            Some(value) => Self::read(&value),
            None => Some(None),
        }
    }
}

/// A table whose keys are known.
pub(crate) struct Section<'a> {
    table: &'a DeTable<'a>,
    span: Range<usize>,
    pub(crate) key: String,
    pub(crate) notes: &'a Notes<'a>,
    is_default: bool,
    keys: RefCell<Vec<&'static [Key]>>,
    defaults: BTreeMap<&'static str, String>,
}

impl<'a> Section<'a> {
    /// The file as a whole.
    pub(crate) fn root(table: &'a DeTable<'a>, notes: &'a Notes<'a>, keys: &'static [Key]) -> Self {
        Self {
            table,
            span: 0..0,
            key: String::new(),
            notes,
            is_default: false,
            keys: RefCell::new(vec![keys]),
            defaults: BTreeMap::new(),
        }
    }

    pub(crate) fn of(value: &Value<'a>, keys: &'static [Key]) -> Option<Self> {
        let DeValue::Table(table) = value.node.get_ref() else {
            return value.wrong_type("a table", "{ … }");
        };
        Some(Self {
            table,
            span: value.span(),
            key: value.key.clone(),
            notes: value.notes,
            is_default: value.is_default,
            keys: RefCell::new(vec![keys]),
            defaults: BTreeMap::new(),
        })
    }

    /// Takes a default from elsewhere, as TOML.
    pub(crate) fn set_default(&mut self, key: &'static str, toml: String) {
        self.defaults.insert(key, toml);
    }

    /// Knows more keys than at first.
    pub(crate) fn allow(&self, keys: &'static [Key]) {
        self.keys.borrow_mut().push(keys);
    }

    pub(crate) fn key_of(&self, key: &str) -> String {
        if self.key.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.key)
        }
    }

    pub(crate) fn value(&self, key: &str) -> Option<Value<'a>> {
        let node = self.table.get(key)?;
        Some(Value::new(
            node,
            self.key_of(key),
            self.notes,
            self.is_default,
        ))
    }

    fn default_of(&self, key: &str) -> Option<String> {
        self.defaults.get(key).cloned().or_else(|| {
            let keys = self.keys.borrow();
            let key = keys
                .iter()
                .flat_map(|keys| keys.iter())
                .find(|k| k.name == key)?;
            key.default.map(str::to_owned)
        })
    }

    fn missing(&self, key: &str) {
        let about = {
            let keys = self.keys.borrow();
            let known = keys
                .iter()
                .flat_map(|keys| keys.iter())
                .find(|k| k.name == key);
            known
                .and_then(|key| key.about.trim().lines().next())
                .unwrap_or("")
        };
        self.notes.add(
            Severity::Error,
            Footing::Whole,
            self.span.clone(),
            &self.key_of(key),
            format!("the key `{key}` is missing"),
            Some(format!("add `{key} = …`: {}", about.trim())),
        );
    }

    /// Notes every key that the section does not know, with the nearest that it does.
    pub(crate) fn close(&self) {
        let keys = self.keys.borrow();
        let known: Vec<&str> = keys
            .iter()
            .flat_map(|keys| keys.iter())
            .map(|k| k.name)
            .collect();
        for (name, node) in self.table {
            let text = name.get_ref();
            if known.iter().any(|known| known == text) {
                continue;
            }
            // What it holds may be a secret under a mistyped key.
            self.notes.mask(node.span());
            let place = if self.key.is_empty() {
                String::new()
            } else {
                format!(" in `{}`", self.key)
            };
            self.notes.wrong(
                name.span(),
                &self.key_of(text),
                format!("unknown key {}{place}", quoted(text)),
                nearest_or_all(text, &known),
            );
        }
    }
}

/// The text in back quotes, cut to what fits a message, control characters escaped.
pub(crate) fn quoted(text: &str) -> String {
    const CHARACTERS_MAX: usize = 60;
    let short: String = text
        .chars()
        .take(CHARACTERS_MAX)
        .flat_map(|c| {
            let escaped: Vec<char> = if c.is_control() {
                c.escape_default().collect()
            } else {
                vec![c]
            };
            escaped
        })
        .collect();
    let more = if text.chars().nth(CHARACTERS_MAX).is_some() {
        "…"
    } else {
        ""
    };
    format!("`{short}{more}`")
}

/// The known name that was probably meant.
pub(crate) fn nearest<'k>(text: &str, known: &[&'k str]) -> Option<&'k str> {
    let text: String = text.chars().take(64).collect::<String>().to_lowercase();
    known
        .iter()
        .map(|name| {
            (
                strsim::damerau_levenshtein(&text, &name.to_lowercase()),
                *name,
            )
        })
        .filter(|(distance, name)| *distance <= (name.chars().count() / 3).clamp(1, 3))
        .min()
        .map(|(_, name)| name)
        .or_else(|| {
            let is_part =
                |name: &&&str| text.len() >= 3 && (name.contains(&text) || text.contains(**name));
            known.iter().find(is_part).copied()
        })
}

/// A help that names the nearest, or all of them.
pub(crate) fn nearest_or_all(text: &str, known: &[&str]) -> String {
    const NAMES_MAX: usize = 24;
    if let Some(near) = nearest(text, known) {
        return format!("did you mean `{near}`?");
    }
    if known.is_empty() {
        return "there is none yet".to_owned();
    }
    let names: Vec<String> = known
        .iter()
        .take(NAMES_MAX)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = if known.len() > NAMES_MAX { ", …" } else { "" };
    format!("there are {}{more}", names.join(", "))
}
