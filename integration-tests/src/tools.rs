//! Where the programs under test and the pinned clients are. It starts none of them.

use std::path::{Path, PathBuf};

/// The gateway's binary: `SEALGATE_BIN`, or what `cargo build -p gateway` last wrote.
///
/// # Panics
/// If there is none, with the command that makes it.
pub fn gateway() -> PathBuf {
    let path = named_in("SEALGATE_BIN").unwrap_or_else(|| target().join("debug/sealgate"));
    assert!(
        path.is_file(),
        "the gateway is not built at {}; `cargo xtask test` builds it",
        path.display()
    );
    path
}

/// A pinned program such as `weed` or `aws`, under `SEALGATE_TOOLS` or `target/tools/bin`.
///
/// # Panics
/// If it is missing, with the command that fetches it.
pub fn tool(name: &str) -> PathBuf {
    let path = programs().join(name);
    assert!(
        path.is_file(),
        "the test tool {name} is missing at {}; `cargo xtask tools` fetches it",
        path.display()
    );
    path
}

/// The folder with the pinned JavaScript packages.
///
/// # Panics
/// If it is missing, with the command that fetches it.
pub fn javascript() -> PathBuf {
    let path = programs().join("../javascript/node_modules");
    assert!(
        path.is_dir(),
        "the JavaScript clients are missing at {}; `cargo xtask tools` fetches them",
        path.display()
    );
    path
}

/// A client script of `integration-tests/clients`.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("clients")
        .join(name)
}

/// A client that is a program of this crate's, in `integration-tests/clients`.
///
/// # Panics
/// If it is not built, with the command that builds it.
pub fn example(name: &str) -> PathBuf {
    let path = target().join("debug/examples").join(name);
    assert!(
        path.is_file(),
        "the client {name} is not built at {}; `cargo test -p integration-tests --no-run` builds it",
        path.display()
    );
    path
}

/// Cargo's output directory, found from the running test's own place in it.
///
/// # Panics
/// If the test does not run from cargo's output directory.
pub fn target() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    test.ancestors()
        .find(|directory| directory.join("CACHEDIR.TAG").is_file())
        .expect("a test runs below cargo's target directory")
        .to_owned()
}

fn programs() -> PathBuf {
    named_in("SEALGATE_TOOLS").unwrap_or_else(|| target().join("tools/bin"))
}

/// A path that the caller's environment names.
pub fn named_in(variable: &str) -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the harness is told its programs by cargo xtask; the ban is for the product"
    )]
    std::env::var_os(variable).map(PathBuf::from)
}
