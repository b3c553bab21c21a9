//! Opening a stored object into a file: plaintext is written as its frames authenticate, under a temporary name
//! that becomes the file's own only when the whole object has verified.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sealed_object::{BodyOpener, Error, Opened, Sealed, Tail};
use serde::Serialize;
use tokio::fs::{self, File, OpenOptions};
use tokio::io::AsyncWriteExt as _;

use super::ToolError;
use super::stored::Stored;
use crate::envelope;
use crate::error::GatewayError;

/// What was opened.
#[derive(Debug, Serialize)]
pub struct Unsealed {
    /// Where the plaintext lies.
    pub file: PathBuf,
    /// Its length in bytes.
    pub length: u64,
    /// The object's id, in hex.
    pub object_id: String,
    /// The number of parts.
    pub parts: usize,
    /// The client's own header fields, by their HTTP names.
    pub headers: BTreeMap<String, String>,
}

/// Writes an object's plaintext to `file`, which must not exist unless `replace` says that it may.
///
/// # Errors
/// [`GatewayError::Sealed`] within [`ToolError`] if any of it does not authenticate; then there is no file.
pub async fn open(
    mut stored: Stored,
    opened: &Opened,
    file: &Path,
    replace: bool,
) -> Result<Unsealed, ToolError> {
    if !replace && fs::try_exists(file).await.map_err(ToolError::file(file))? {
        return Err(ToolError::Asked(format!(
            "{} exists; --force replaces it",
            file.display()
        )));
    }
    let unfinished = unfinished_name(file)?;
    let written = write(&mut stored, opened, &unfinished).await;
    let (tail, length) = match written {
        Ok(done) => done,
        Err(error) => {
            // What was written is authentic as far as it goes, but it is not the object.
            let _ = fs::remove_file(&unfinished).await;
            return Err(error);
        }
    };
    fs::rename(&unfinished, file)
        .await
        .map_err(ToolError::file(file))?;
    let mut headers = http::HeaderMap::new();
    envelope::headers_of(opened.metadata()).write_to(&mut headers);
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Ok(Unsealed {
        file: file.to_owned(),
        length,
        object_id: hex::encode(opened.header().object_id().0),
        parts: tail.parts().len(),
        headers: headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
    })
}

async fn write(
    stored: &mut Stored,
    opened: &Opened,
    path: &Path,
) -> Result<(Tail, u64), ToolError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .await
        .map_err(ToolError::file(path))?;
    let mut length = 0;
    let mut opener = BodyOpener::new(opened, Sealed(stored.length)).map_err(refused)?;
    while let Some(mut piece) = stored.next().await? {
        while !piece.is_empty() {
            if let Some(plaintext) = opener.push(&mut piece).map_err(refused)? {
                length = put(&mut file, path, &plaintext, length).await?;
            }
        }
    }
    let (last, tail) = opener.finish().map_err(refused)?;
    length = put(&mut file, path, &last, length).await?;
    file.sync_all().await.map_err(ToolError::file(path))?;
    Ok((tail, length))
}

async fn put(
    file: &mut File,
    path: &Path,
    plaintext: &Bytes,
    before: u64,
) -> Result<u64, ToolError> {
    file.write_all(plaintext)
        .await
        .map_err(ToolError::file(path))?;
    Ok(before.saturating_add(u64::try_from(plaintext.len()).unwrap_or(u64::MAX)))
}

fn refused(error: Error) -> ToolError {
    GatewayError::from(error).into()
}

/// Beside the file, so that renaming is atomic; random, so that two runs do not meet.
fn unfinished_name(file: &Path) -> Result<PathBuf, ToolError> {
    let name = file
        .file_name()
        .ok_or_else(|| ToolError::Asked(format!("{} is no file name", file.display())))?;
    let mut random = [0; 8];
    getrandom::fill(&mut random)
        .map_err(|error| ToolError::Asked(format!("no randomness is available: {error}")))?;
    let mut unfinished = OsString::from(".");
    unfinished.push(name);
    unfinished.push(format!(".unfinished-{}", hex::encode(random)));
    Ok(file.with_file_name(unfinished))
}
