//! Where nonces, salts and data keys come from. The only file that asks the operating system for anything.

use crate::error::{Error, Result};

/// A source of random bytes; shared, so that a sealer can draw a nonce per frame.
///
/// Tests inject a fixed stream. Outside tests use [`OsRandom`] or [`ModuleRandom`]: predictable bytes here break every key and nonce.
pub trait Random: Send + Sync {
    /// Fills `out`, or fails with [`Error::Random`].
    fn fill(&self, out: &mut [u8]) -> Result<()>;
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    fn fill(&self, out: &mut [u8]) -> Result<()> {
        getrandom::fill(out).map_err(|_| Error::Random)
    }
}

/// The cryptographic module's own generator: suite 0x02 asks for it where its keys must come from an approved one.
#[derive(Debug, Clone, Copy, Default)]
pub struct ModuleRandom;

impl Random for ModuleRandom {
    fn fill(&self, out: &mut [u8]) -> Result<()> {
        aws_lc_rs::rand::fill(out).map_err(|_| Error::Random)
    }
}

/// Draws an array.
pub(crate) fn draw<const N: usize>(random: &dyn Random) -> Result<[u8; N]> {
    let mut out = [0; N];
    random.fill(&mut out)?;
    Ok(out)
}
