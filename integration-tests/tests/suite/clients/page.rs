//! docs/clients.md: one line for each client of the matrix. What ran where is read from the names of the
//! suite's own tests, versions from the pins; only the remarks are written by hand, in `matrix`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use integration_tests::tools;

use super::matrix::{CLIENTS, Client, Run};
use crate::scan;

#[test]
fn the_page_of_clients_is_what_runs() {
    let page = page();
    let path = scan::root().join("docs/clients.md");
    let made = tools::target().join("clients.md");
    fs::write(&made, &page).expect("the target directory can be written");
    assert!(
        fs::read_to_string(path).is_ok_and(|committed| committed == page),
        "docs/clients.md is not what the matrix runs; copy {} there",
        made.display()
    );
}

#[test]
fn every_row_is_on_the_page() {
    let rows: BTreeSet<String> = rows()
        .iter()
        .filter_map(|test| Some(test.rsplit_once("::")?.0.to_owned()))
        .collect();
    let shown: BTreeSet<String> = CLIENTS
        .iter()
        .filter_map(|client| match client.run {
            Run::Always(module) | Run::WhereInstalled(module) => Some(module.to_owned()),
            Run::ByTest(_) => None,
        })
        .collect();
    assert_eq!(rows, shown, "a row and a line of the page belong together");
}

fn page() -> String {
    let mut page = String::from(HEAD);
    let (tests, rows) = (tests(), rows());
    for client in CLIENTS {
        if let Run::ByTest(test) = client.run {
            assert!(tests.contains(test), "there is no test {test}");
        }
        let _ = write!(page, "| {} | {} |", client.name, client.version.text());
        for place in PLACES {
            let _ = write!(page, " {} |", cell(client, place, &rows));
        }
        let _ = writeln!(page, " {} |", client.remarks);
    }
    page
}

/// What a column says; that a test is in the suite is enough, because a suite with a failure is not taken.
fn cell(client: &Client, place: &str, rows: &BTreeSet<String>) -> &'static str {
    let runs = |module: &str| rows.contains(&format!("{module}::{place}"));
    match client.run {
        Run::Always(module) if runs(module) => "passes",
        Run::WhereInstalled(module) if runs(module) => "passes where installed",
        Run::ByTest(_) if place == "embedded_http" => "passes where installed",
        Run::Always(_) | Run::WhereInstalled(_) | Run::ByTest(_) => "",
    }
}

/// The matrix's tests: the client's module below this one, and the place.
fn rows() -> BTreeSet<String> {
    tests()
        .iter()
        .filter_map(|test| test.strip_prefix("clients::"))
        .filter(|test| PLACES.iter().any(|place| test.ends_with(place)))
        .map(str::to_owned)
        .collect()
}

/// The names of all tests of this binary, as it tells them itself.
fn tests() -> BTreeSet<String> {
    let suite = std::env::current_exe().expect("a test knows its own path");
    let listed = Command::new(suite)
        .args(["--list", "--format", "terse"])
        .output()
        .expect("the suite can list its tests");
    String::from_utf8_lossy(&listed.stdout)
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .map(str::to_owned)
        .collect()
}

const PLACES: [&str; 4] = [
    "seaweedfs_http",
    "seaweedfs_https",
    "embedded_http",
    "embedded_https",
];

const HEAD: &str = "\
# Clients

Made by the suite (`integration-tests/tests/suite/clients`) from the tests it has; a test fails when this page differs.
What passes runs on every change, with the client's default settings, only the endpoint and the credentials set, and
whatever the last column says. It means: upload a small object and one in parts (100 MiB in the first column, 20 MiB
in the others, 250 MiB for rclone), list, read a range, copy, and delete; clients that sync do so twice, and the second
time moves nothing. Versions are those of the pins in `integration-tests/tools`.

| client | version | SeaweedFS, http | SeaweedFS, https | embedded bucket, http | embedded bucket, https | remarks |
|---|---|---|---|---|---|---|
";
