//! The file of root keys: how it is read, refused and made. It must not know what the keys wrap.
//!
//! Text, one key a line, oldest first: `id SP created (RFC 3339) SP key (base64 of 32 bytes)`;
//! empty lines and lines that begin with `#` are skipped.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use zeroize::Zeroizing;

use crate::Secret;

/// What to do when there is no file.
#[derive(Clone, Copy, Debug)]
pub enum WhenMissing {
    /// Make one with a single new root key, created at this time. Its directory must exist.
    Create(SystemTime),
    /// Report [`LocalFileError::Missing`]: a new root key would open nothing that exists.
    Refuse,
}

/// Why the file of root keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LocalFileError {
    /// There is none.
    #[error("there is no root key file {}", .path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Others than the owner may read or write it.
    #[error("root key file {0} is open to others (mode {mode:04o}); mend it with: chmod 600 {0}", .path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a regular file, or longer than 1 MiB.
    #[error("{} is not a root key file", .path.display())]
    NotAFile {
        /// Which path.
        path: PathBuf,
    },
    /// A line that is not a root key. The line itself is not shown: it may hold a key.
    #[error("root key file {} line {line}: {fault}", .path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// The file names no key.
    #[error("root key file {} holds no key", .path.display())]
    Empty {
        /// Which file.
        path: PathBuf,
    },
    /// The disk failed us.
    #[error("cannot {doing} root key file {}", .path.display())]
    Io {
        /// `read` or `make`.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

/// One root key of the file.
pub(super) struct FileKey {
    pub(super) id: String,
    pub(super) created: OffsetDateTime,
    pub(super) secret: Secret,
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The newest key and the older ones.
pub(super) fn load(
    path: &Path,
    missing: WhenMissing,
) -> Result<(FileKey, Vec<FileKey>), LocalFileError> {
    let text = match (read(path), missing) {
        (Err(LocalFileError::Missing { .. }), WhenMissing::Create(now)) => {
            make(path, now).map_err(|source| io_error("make", path, source))?;
            // Read back, so that what another process made in the same instant is what we use too.
            read(path)?
        }
        (read, _) => read?,
    };
    parse(path, &text)
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, LocalFileError> {
    let file = File::open(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => LocalFileError::Missing {
            path: path.to_owned(),
        },
        _ => io_error("read", path, source),
    })?;
    // Of the opened file, not of the path: nobody can swap it in between.
    let metadata = file
        .metadata()
        .map_err(|source| io_error("read", path, source))?;
    let mode = metadata.mode() & 0o7777;
    let length = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    if !metadata.is_file() || length > LENGTH_LIMIT {
        return Err(LocalFileError::NotAFile {
            path: path.to_owned(),
        });
    }
    if mode & 0o077 != 0 {
        return Err(LocalFileError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(
        LENGTH_LIMIT.min(length.saturating_add(1)),
    ));
    file.take(metadata.len())
        .read_to_end(&mut text)
        .map_err(|source| io_error("read", path, source))?;
    Ok(text)
}

fn parse(path: &Path, text: &[u8]) -> Result<(FileKey, Vec<FileKey>), LocalFileError> {
    let mut keys: Vec<FileKey> = Vec::new();
    for (line, number) in text.split(|&byte| byte == b'\n').zip(1..) {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let fault = |fault| LocalFileError::Line {
            path: path.to_owned(),
            line: number,
            fault,
        };
        let key = parse_line(line).map_err(fault)?;
        if keys.iter().any(|other| other.id == key.id) {
            return Err(fault("its id was used before"));
        }
        keys.push(key);
    }
    let newest = keys.pop().ok_or_else(|| LocalFileError::Empty {
        path: path.to_owned(),
    })?;
    Ok((newest, keys))
}

fn parse_line(line: &[u8]) -> Result<FileKey, &'static str> {
    let line = str::from_utf8(line).map_err(|_| "not text")?;
    let mut words = line.split_ascii_whitespace();
    let (Some(id), Some(created), Some(key), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err("not three words: id, time of creation, key");
    };
    let created = OffsetDateTime::parse(created, &Rfc3339)
        .map_err(|_| "the second word is not an RFC 3339 time")?;
    // One byte of room more than a key has: the decoder asks for it.
    let mut decoded = Zeroizing::new([0; 33]);
    let length = STANDARD
        .decode_slice(key, decoded.as_mut_slice())
        .map_err(|_| "the third word is not the base64 of 32 bytes")?;
    match decoded.split_first_chunk::<32>() {
        Some((secret, _)) if length == 32 => Ok(FileKey {
            id: id.to_owned(),
            created,
            secret: Secret::new(*secret),
        }),
        _ => Err("the third word is not the base64 of 32 bytes"),
    }
}

/// Makes the file whole or not at all: written and synced under a name of its own, then linked into
/// place. A link refuses to replace a file, so that of two processes starting together one makes
/// the key.
fn make(path: &Path, now: SystemTime) -> io::Result<()> {
    let (text, id) = first_key(now)?;
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let draft = directory.join(format!(".{id}.draft"));
    let made = write_draft(&draft, &text).and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    let removed = fs::remove_file(&draft);
    made?;
    removed?;
    File::open(directory)?.sync_all()
}

fn write_draft(draft: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)?;
    file.write_all(text)?;
    file.sync_all()
}

fn first_key(now: SystemTime) -> io::Result<(Zeroizing<Vec<u8>>, String)> {
    let mut name = [0; 8];
    let mut secret = Secret::default();
    getrandom::fill(&mut name).map_err(io::Error::other)?;
    getrandom::fill(secret.as_mut_slice()).map_err(io::Error::other)?;
    let id = format!("local-{}", hex::encode(name));
    let created = OffsetDateTime::from(now)
        .format(&Rfc3339)
        .map_err(io::Error::other)?;

    let mut encoded = Zeroizing::new([0; 44]);
    STANDARD
        .encode_slice(secret.as_slice(), encoded.as_mut_slice())
        .map_err(io::Error::other)?;
    let mut text = Zeroizing::new(Vec::with_capacity(1024));
    for part in [
        PREAMBLE.as_bytes(),
        id.as_bytes(),
        b" ",
        created.as_bytes(),
        b" ",
        encoded.as_slice(),
        b"\n",
    ] {
        text.extend_from_slice(part);
    }
    Ok((text, id))
}

fn io_error(doing: &'static str, path: &Path, source: io::Error) -> LocalFileError {
    LocalFileError::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}

const PREAMBLE: &str = "\
# Sealgate root keys, oldest first: id, time of creation, key. The last one wraps new keys.
# Whoever reads this file can open every object. Keep a copy elsewhere: without it nothing can be opened.
";

const LENGTH_LIMIT: usize = 1 << 20;
