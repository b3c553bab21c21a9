//! Signs what a log holds: tiles and checkpoint, as files beside its segments.

use std::io;
use std::sync::Arc;

use super::home::{CERTIFICATE, CHECKPOINT, LogPlace};
use crate::Identity;
use crate::signed::{Checkpoint, SigningKey, certificate};
use crate::tree::{Growing, Tile, tile_path};

/// What signs for a deployment.
#[derive(Clone, Debug)]
pub(super) struct Signing {
    identity: Arc<Identity>,
}

impl Signing {
    pub(super) fn new(identity: Arc<Identity>) -> Self {
        Self { identity }
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The key of a log; a name that no key can have has none.
    pub(super) fn key(&self, log: &str) -> Option<SigningKey> {
        self.identity.log_key(log).ok()
    }

    /// The certificate of a log's key.
    pub(super) fn certificate(&self, log: &str) -> io::Result<String> {
        let key = self.key(log).ok_or(io::ErrorKind::InvalidInput)?;
        let deployment = self.identity.deployment_key().map_err(io::Error::other)?;
        let origin = self.identity.origin(log);
        Ok(certificate(&deployment, &origin, key.verifying()))
    }

    /// Puts it into the log's directory.
    pub(super) fn certify(&self, place: &LogPlace) -> io::Result<()> {
        let certificate = self.certificate(&place.name)?;
        place.write(CERTIFICATE, certificate.as_bytes())
    }

    /// Signs a log as it is. Gives the checkpoint and its note.
    pub(super) fn checkpoint(
        &self,
        place: &LogPlace,
        tree: &Growing,
    ) -> io::Result<(Checkpoint, String)> {
        let key = self.key(&place.name).ok_or(io::ErrorKind::InvalidInput)?;
        let checkpoint = Checkpoint {
            origin: self.identity.origin(&place.name),
            size: tree.size(),
            root: tree.root(),
        };
        let note = checkpoint.sign(&key);
        place.write(CHECKPOINT, note.as_bytes())?;
        Ok((checkpoint, note))
    }
}

/// Writes a tile where C2SP looks for it.
pub(super) fn write_tile(place: &LogPlace, tile: &Tile) -> io::Result<()> {
    let width = u64::try_from(tile.hashes.len()).unwrap_or(u64::MAX);
    let path = tile_path(tile.level, tile.index, width);
    place.write_lazily(&path, &tile.hashes.concat())
}
