//! Disks that fail while a program writes to them, as a test wishes: full, read-only, in error, hanging. It knows no
//! program.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::preload;

/// How a disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No bytes can be written: `ENOSPC`.
    Full,
    /// Nothing can be opened for writing or written: `EROFS`.
    ReadOnly,
    /// What was written cannot be synced: `EIO`.
    Error,
    /// A sync does not return until the fault is gone.
    Hang,
}

/// What decides how the disks of one program fail.
#[derive(Debug, Clone)]
pub struct FailingDisk {
    control: PathBuf,
}

impl FailingDisk {
    /// Disks that work; what fails later is written to the file `control`.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn new(control: &Path) -> Self {
        let disk = Self {
            control: control.to_owned(),
        };
        disk.works();
        disk
    }

    /// What a program's environment needs to meet these faults.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
        let library = LIBRARY.get_or_init(|| preload::library("failing_disk"));
        [
            ("LD_PRELOAD", library.display().to_string()),
            ("DISK_FAULTS", self.control.display().to_string()),
        ]
    }

    /// From now on what lies below `place` fails so.
    ///
    /// # Panics
    /// If the control file cannot be written.
    pub fn fails(&self, fault: Fault, place: &Path) {
        let word = match fault {
            Fault::Full => "full",
            Fault::ReadOnly => "read-only",
            Fault::Error => "error",
            Fault::Hang => "hang",
        };
        // With what follows a directory's name, so that no other begins so.
        self.say(&format!("{word} {}/\n", place.display()));
    }

    /// From now on all work.
    ///
    /// # Panics
    /// If the control file cannot be written.
    pub fn works(&self) {
        self.say("");
    }

    /// Whole or not at all: it is read at each call.
    fn say(&self, faults: &str) {
        let unfinished = self.control.with_extension("unfinished");
        fs::write(&unfinished, faults).expect("a file can be written");
        fs::rename(&unfinished, &self.control).expect("a file can be moved");
    }
}
