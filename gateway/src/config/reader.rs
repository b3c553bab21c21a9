//! Reads a TOML table field by field and remembers every problem with its path, so that an operator
//! sees all mistakes of a file at once.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// Something wrong in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: `tenants[0].credentials[1].role`.
    pub path: String,
    /// What, and how to mend it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            write!(formatter, "{}", self.message)
        } else {
            write!(formatter, "{}: {}", self.path, self.message)
        }
    }
}

/// The problems found so far.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn add(&mut self, path: &str, message: impl Into<String>) {
        self.0.push(Problem {
            path: path.to_owned(),
            message: message.into(),
        });
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn into_vec(self) -> Vec<Problem> {
        self.0
    }
}

/// One table of the file; fields are taken out as they are read, and what is left is unknown.
pub(super) struct Section {
    path: String,
    table: Table,
}

impl Section {
    pub(super) fn root(table: Table) -> Self {
        Self {
            path: String::new(),
            table,
        }
    }

    /// The path of a field here.
    pub(super) fn at(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    pub(super) fn optional_text(&mut self, name: &str, problems: &mut Problems) -> Option<String> {
        match self.table.remove(name)? {
            Value::String(text) if !text.is_empty() => Some(text),
            Value::String(_) => {
                problems.add(&self.at(name), "must not be empty");
                None
            }
            other => {
                problems.add(
                    &self.at(name),
                    format!("must be a string, not {}", other.type_str()),
                );
                None
            }
        }
    }

    pub(super) fn text(&mut self, name: &str, example: &str, problems: &mut Problems) -> String {
        if !self.table.contains_key(name) {
            problems.add(
                &self.at(name),
                format!("is missing; for example {name} = {example:?}"),
            );
        }
        self.optional_text(name, problems).unwrap_or_default()
    }

    pub(super) fn optional_number(
        &mut self,
        name: &str,
        range: std::ops::RangeInclusive<u64>,
        problems: &mut Problems,
    ) -> Option<u64> {
        let value = self.table.remove(name)?;
        let number = value
            .as_integer()
            .and_then(|number| u64::try_from(number).ok())
            .filter(|number| range.contains(number));
        if number.is_none() {
            problems.add(
                &self.at(name),
                format!("must be a number from {} to {}", range.start(), range.end()),
            );
        }
        number
    }

    /// `true` or `false`; `true` where nothing is said.
    pub(super) fn switch(&mut self, name: &str, problems: &mut Problems) -> bool {
        let Some(value) = self.table.remove(name) else {
            return true;
        };
        value.as_bool().unwrap_or_else(|| {
            problems.add(&self.at(name), "must be true or false");
            true
        })
    }

    /// A secret, given as `name` or in the file that `name_file` points to.
    pub(super) fn secret(&mut self, name: &str, base: &Path, problems: &mut Problems) -> String {
        let file_name = format!("{name}_file");
        let Some(file) = self.optional_text(&file_name, problems) else {
            return self.text(name, "…", problems);
        };
        if self.table.remove(name).is_some() {
            problems.add(
                &self.at(name),
                format!("is given twice: also as {file_name}"),
            );
        }
        match std::fs::read_to_string(base.join(file)) {
            Ok(secret) => secret.trim_end().to_owned(),
            Err(error) => {
                problems.add(&self.at(&file_name), format!("cannot be read: {error}"));
                String::new()
            }
        }
    }

    /// A value that parses from text, if it is given.
    pub(super) fn optional_parsed<T>(
        &mut self,
        name: &str,
        example: &str,
        problems: &mut Problems,
    ) -> Option<T>
    where
        T: std::str::FromStr<Err: fmt::Display>,
    {
        self.table
            .contains_key(name)
            .then(|| self.parsed(name, example, problems))
            .flatten()
    }

    /// A value that parses from text.
    pub(super) fn parsed<T>(
        &mut self,
        name: &str,
        example: &str,
        problems: &mut Problems,
    ) -> Option<T>
    where
        T: std::str::FromStr<Err: fmt::Display>,
    {
        let text = self.text(name, example, problems);
        if text.is_empty() {
            return None;
        }
        text.parse()
            .map_err(|error| {
                problems.add(
                    &self.at(name),
                    format!("{error}; for example {name} = {example:?}"),
                );
            })
            .ok()
    }

    pub(super) fn path(
        &mut self,
        name: &str,
        example: &str,
        base: &Path,
        problems: &mut Problems,
    ) -> PathBuf {
        base.join(self.text(name, example, problems))
    }

    /// A switch that is off when nothing is said.
    pub(super) fn flag(&mut self, name: &str, problems: &mut Problems) -> bool {
        match self.table.remove(name) {
            None => false,
            Some(Value::Boolean(on)) => on,
            Some(other) => {
                problems.add(
                    &self.at(name),
                    format!("must be true or false, not {}", other.type_str()),
                );
                false
            }
        }
    }

    /// Whether anything is said of it.
    pub(super) fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// A switch of which it matters whether anything is said.
    pub(super) fn optional_flag(&mut self, name: &str, problems: &mut Problems) -> Option<bool> {
        self.table
            .contains_key(name)
            .then(|| self.flag(name, problems))
    }

    pub(super) fn texts(&mut self, name: &str, problems: &mut Problems) -> Vec<String> {
        let Some(value) = self.table.remove(name) else {
            return Vec::new();
        };
        let Value::Array(items) = value else {
            problems.add(&self.at(name), "must be a list of strings");
            return Vec::new();
        };
        items
            .into_iter()
            .filter_map(|item| {
                if let Value::String(text) = item {
                    Some(text)
                } else {
                    problems.add(&self.at(name), "must be a list of strings");
                    None
                }
            })
            .collect()
    }

    /// All that is left here, as strings by name.
    pub(super) fn remaining_texts(&mut self, problems: &mut Problems) -> BTreeMap<String, String> {
        let names: Vec<String> = self.table.keys().cloned().collect();
        let mut texts = BTreeMap::new();
        for name in names {
            if let Some(text) = self.optional_text(&name, problems) {
                texts.insert(name, text);
            }
        }
        texts
    }

    /// A table inside this one.
    pub(super) fn section(&mut self, name: &str, problems: &mut Problems) -> Option<Self> {
        match self.table.remove(name)? {
            Value::Table(table) => Some(Self {
                path: self.at(name),
                table,
            }),
            other => {
                problems.add(
                    &self.at(name),
                    format!(
                        "must be a table [{}], not {}",
                        self.at(name),
                        other.type_str()
                    ),
                );
                None
            }
        }
    }

    /// A table that need not be there, without settings.
    pub(super) fn empty(&self, name: &str) -> Self {
        Self {
            path: self.at(name),
            table: Table::new(),
        }
    }

    /// The tables of an array of tables.
    pub(super) fn sections(&mut self, name: &str, problems: &mut Problems) -> Vec<Self> {
        let Some(value) = self.table.remove(name) else {
            return Vec::new();
        };
        let path = self.at(name);
        let Value::Array(items) = value else {
            problems.add(&path, format!("must be an array of tables [[{path}]]"));
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            match item {
                Value::Table(table) => sections.push(Self {
                    path: format!("{path}[{index}]"),
                    table,
                }),
                _ => problems.add(&format!("{path}[{index}]"), "must be a table"),
            }
        }
        sections
    }

    /// Reports what was not read.
    pub(super) fn finish(self, problems: &mut Problems) {
        for name in self.table.keys() {
            problems.add(&self.at(name), "is not a setting");
        }
    }
}
