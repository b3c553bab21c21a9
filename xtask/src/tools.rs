//! Fetches the pinned test tools into `target`. Only the files `requirements.txt` of `integration-tests`
//! say which tools and versions; this file does not know them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, Failure, say};
use crate::workspace;

/// Makes sure that the tools are there and returns the directory with their programs.
pub(crate) fn fetch() -> Result<PathBuf, Failure> {
    fetch_into("tools")
}

/// The same for what the conformance run needs beside a checkout of its tests.
pub(crate) fn fetch_for_conformance() -> Result<PathBuf, Failure> {
    fetch_into("conformance")
}

/// Installs `integration-tests/NAME/requirements.txt` into `target/NAME`.
fn fetch_into(name: &str) -> Result<PathBuf, Failure> {
    let requirements = workspace::root()
        .join("integration-tests")
        .join(name)
        .join("requirements.txt");
    let wanted = fs::read_to_string(&requirements)?;
    let venv = workspace::target().join(name);
    let stamp = venv.join("requirements.installed");
    // The whole text is the stamp: any change of a pin or a hash fetches again.
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(venv.join("bin"));
    }
    say(&format!("fetching the test tools into target/{name}"));
    if venv.exists() {
        fs::remove_dir_all(&venv)?;
    }
    create_venv(&venv)?;
    install(&venv, &requirements)?;
    fs::write(&stamp, wanted)?;
    Ok(venv.join("bin"))
}

fn create_venv(venv: &Path) -> Result<(), Failure> {
    command::run(Command::new("python3").arg("-m").arg("venv").arg(venv)).map_err(|failure| {
        Failure::new(format!(
            "{failure}\nThe test tools need CPython 3.11 or newer with its venv module \
             (on Debian and Ubuntu: apt-get install python3 python3-venv)."
        ))
    })
}

fn install(venv: &Path, requirements: &Path) -> Result<(), Failure> {
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ])
    .args([
        "--only-binary",
        ":all:",
        "--require-hashes",
        "--requirement",
    ])
    .arg(requirements);
    command::run(&mut pip).map_err(|failure| {
        Failure::new(format!(
            "{failure}\nThe pins in {} are for CPython 3.11 to 3.14 on x86-64 Linux, and pip must reach \
             a package index.",
            requirements.display()
        ))
    })
}
