//! What all tests of one run share: a place for data and one store. It knows no test.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::authority::Authority;
use crate::seaweedfs::SeaweedFs;
use crate::tools;

/// The one world of this test binary; everything in it starts when first asked for.
#[derive(Debug)]
pub struct World {
    directory: PathBuf,
    authority: Authority,
    seaweedfs: OnceLock<SeaweedFs>,
}

impl World {
    /// The world, made on the first call.
    pub fn get() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(|| {
            let worlds = tools::target().join("world");
            sweep(&worlds);
            let directory = worlds.join(std::process::id().to_string());
            fs::create_dir_all(&directory).expect("the target directory can be written");
            Self {
                authority: Authority::new(&directory),
                directory,
                seaweedfs: OnceLock::new(),
            }
        })
    }

    /// The SeaweedFS all tests share; they differ in bucket names.
    pub fn seaweedfs(&self) -> &SeaweedFs {
        self.seaweedfs
            .get_or_init(|| SeaweedFs::start(&self.directory.join("seaweedfs"), &self.authority))
    }

    /// The authority of all servers that are reached by TLS.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// A fresh directory for one test's files, removed with the value.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn scratch(&self) -> TempDir {
        TempDir::new_in(&self.directory).expect("the target directory can be written")
    }
}

/// Removes what earlier runs left: a store's data stays when its test binary ends.
fn sweep(worlds: &Path) {
    let Ok(entries) = fs::read_dir(worlds) else {
        return;
    };
    for entry in entries.flatten() {
        let running = Path::new("/proc").join(entry.file_name()).exists();
        if !running {
            // Another run may be sweeping too.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
