//! An evidence pack: a zip of text files for an auditor, and the manifest that the deployment signs over all of them. It
//! knows the form of a pack and not what is in it.

use std::io::{Cursor, Write as _};

use zip::ZipWriter;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;

use crate::signed::SigningKey;
use crate::tree::{Hash, sha256};

/// The file of a pack that names all others: a signed note.
pub const MANIFEST: &str = "MANIFEST";

/// What a pack is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Whose trail.
    pub tenant: String,
    /// The first moment it is about, RFC 3339.
    pub from: String,
    /// And the last.
    pub to: String,
    /// When it was made.
    pub made: String,
}

/// What the manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The name that the deployment signs under.
    pub deployment: String,
    /// What the pack is about.
    pub subject: Subject,
    /// Its files, by name.
    pub files: Vec<Listed>,
}

/// A file of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name, with `/` between folders.
    pub name: String,
    /// Its length in bytes.
    pub size: u64,
    /// SHA-256 of it.
    pub sha256: Hash,
}

/// A pack in the making, in memory.
pub struct Pack {
    zip: ZipWriter<Cursor<Vec<u8>>>,
    files: Vec<Listed>,
}

impl Default for Pack {
    fn default() -> Self {
        Self {
            zip: ZipWriter::new(Cursor::new(Vec::new())),
            files: Vec::new(),
        }
    }
}

impl Pack {
    /// Puts a file in. Its name must be new, and hold no space and no line feed.
    ///
    /// # Errors
    /// If there is a file of that name.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), ZipError> {
        self.write(name, text)?;
        self.files.push(Listed {
            name: name.to_owned(),
            size: u64::try_from(text.len()).unwrap_or(u64::MAX),
            sha256: sha256(text.as_bytes()),
        });
        Ok(())
    }

    /// Ends it with the manifest, and gives the zip's bytes.
    ///
    /// # Errors
    /// If the zip cannot be ended.
    pub fn seal(mut self, subject: Subject, key: &SigningKey) -> Result<Vec<u8>, ZipError> {
        let mut files = std::mem::take(&mut self.files);
        files.sort_by(|a, b| a.name.cmp(&b.name));
        let manifest = Manifest {
            deployment: key.verifying().name().to_owned(),
            subject,
            files,
        };
        self.write(MANIFEST, &key.sign(&manifest.text()))?;
        Ok(self.zip.finish()?.into_inner())
    }

    fn write(&mut self, name: &str, text: &str) -> Result<(), ZipError> {
        // With no times: equal files make equal packs.
        let options = SimpleFileOptions::default().unix_permissions(0o644);
        self.zip.start_file(name, options)?;
        self.zip.write_all(text.as_bytes())?;
        Ok(())
    }
}

impl std::fmt::Debug for Pack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pack")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Manifest {
    /// The text that is signed.
    fn text(&self) -> String {
        let Subject {
            tenant,
            from,
            to,
            made,
        } = &self.subject;
        let mut text = format!(
            "{TITLE}\n{}\n{tenant}\n{from} {to}\n{made}\n",
            self.deployment
        );
        for file in &self.files {
            let line = format!("{} {} {}\n", hex::encode(file.sha256), file.size, file.name);
            text.push_str(&line);
        }
        text
    }

    /// What a manifest's text says; `None` if it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut next = || lines.next().map(str::to_owned);
        next().filter(|title| title == TITLE)?;
        let (deployment, tenant, times, made) = (next()?, next()?, next()?, next()?);
        let (from, to) = times.split_once(' ')?;
        Some(Self {
            deployment,
            subject: Subject {
                tenant,
                from: from.to_owned(),
                to: to.to_owned(),
                made,
            },
            files: lines.map(Listed::parse).collect::<Option<_>>()?,
        })
    }
}

impl Listed {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.splitn(3, ' ');
        let (hash, size, name) = (words.next()?, words.next()?, words.next()?);
        Some(Self {
            name: name.to_owned(),
            size: size.parse().ok()?,
            sha256: hex::decode(hash).ok()?.try_into().ok()?,
        })
    }
}

const TITLE: &str = "sealgate evidence v1";
