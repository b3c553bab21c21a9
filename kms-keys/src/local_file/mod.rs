//! The `local-file` provider: root keys in one file of this machine. For one machine and for trying
//! out; whoever reads the file reads every object, so configuration calls it
//! `dangerous_local_file`.

mod root_file;
mod wrapping;

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use async_trait::async_trait;

use crate::{
    EncryptionContext, KeyError, KmsProvider, RootKey, Secret, WrappedKey,
    key_material::fill_random,
};
use root_file::FileKey;
pub use root_file::{LocalFileError, WhenMissing};

/// Root keys read from a file once, at start. The last key in the file wraps new keys.
#[derive(Debug)]
pub struct LocalFile {
    path: PathBuf,
    newest: FileKey,
    older: Vec<FileKey>,
}

impl LocalFile {
    /// Reads the root keys at `path`, or makes the file when `missing` says so. Blocks on the disk.
    ///
    /// # Errors
    /// Any of [`LocalFileError`]; a file that others than its owner may read is refused.
    pub fn open(path: &Path, missing: WhenMissing) -> Result<Self, LocalFileError> {
        let (newest, older) = root_file::load(path, missing)?;
        Ok(Self {
            path: path.to_owned(),
            newest,
            older,
        })
    }

    /// Where the root keys lie.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn root_key(&self, id: &str) -> Result<&FileKey, KeyError> {
        std::iter::once(&self.newest)
            .chain(&self.older)
            .find(|key| key.id == id)
            .ok_or_else(|| KeyError::RootKeyMissing {
                provider: NAME.into(),
                root_key: id.to_owned(),
            })
    }
}

#[async_trait]
impl KmsProvider for LocalFile {
    fn name(&self) -> &str {
        NAME
    }

    fn default_root_key(&self) -> &str {
        &self.newest.id
    }

    async fn generate(
        &self,
        root_key: &str,
        context: &EncryptionContext,
    ) -> Result<(Secret, WrappedKey), KeyError> {
        let mut secret = Secret::default();
        fill_random(secret.as_mut_slice())?;
        let wrapped = self.wrap(root_key, &secret, context).await?;
        Ok((secret, wrapped))
    }

    async fn wrap(
        &self,
        root_key: &str,
        secret: &Secret,
        context: &EncryptionContext,
    ) -> Result<WrappedKey, KeyError> {
        wrapping::wrap(self.root_key(root_key)?, secret, context)
    }

    async fn unwrap(
        &self,
        root_key: &str,
        wrapped: &WrappedKey,
        context: &EncryptionContext,
    ) -> Result<Secret, KeyError> {
        wrapping::unwrap(self.root_key(root_key)?, wrapped, context).ok_or_else(|| {
            KeyError::DoesNotUnwrap {
                provider: NAME.into(),
                root_key: root_key.to_owned(),
            }
        })
    }

    async fn describe(&self, root_key: &str) -> Result<RootKey, KeyError> {
        let key = self.root_key(root_key)?;
        Ok(RootKey {
            id: key.id.clone(),
            created: Some(SystemTime::from(key.created)),
        })
    }
}

const NAME: &str = "local-file";

#[cfg(test)]
mod tests;
