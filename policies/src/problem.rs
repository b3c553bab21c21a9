//! What is wrong with a policy file: where, what, and how to mend it.

use std::fmt;

use miette::Diagnostic;

/// A policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The name that problems and policy ids begin with, for example `clinic.cedar`.
    pub name: String,
    /// Its text.
    pub text: String,
}

impl Source {
    /// A file of that name.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
        }
    }
}

/// Something wrong in a policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub remedy: String,
}

impl Problem {
    /// A problem at a byte of the text.
    pub(crate) fn at(
        source: &Source,
        offset: usize,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let before = source.text.get(..offset).unwrap_or(&source.text);
        Self {
            file: source.name.clone(),
            line: before.matches('\n').count().saturating_add(1),
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    /// A complaint of Cedar's, with our remedy where it has none.
    pub(crate) fn of(source: &Source, complaint: &dyn Diagnostic, remedy: &str) -> Self {
        let labels = complaint.labels().into_iter().flatten();
        let offset = labels.map(|label| label.offset()).min();
        let remedy = complaint
            .help()
            .map_or_else(|| remedy.to_owned(), |help| help.to_string());
        Self::at(
            source,
            offset.unwrap_or_default(),
            complaint.to_string(),
            remedy,
        )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            message,
            remedy,
        } = self;
        write!(formatter, "{file}:{line}: {message}; {remedy}")
    }
}
