//! `sealgate policy diff`, as the program that people run. Built with the feature `proofs` it needs cvc5
//! (`cargo xtask proofs`); built without, it says how to get it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

const NARROW: &str = r#"@id("read")
permit (principal in Role::"clinician", action == Action::"s3:GetObject", resource)
when { context has mfaAge && context.mfaAge <= duration("15m") };"#;

fn diff(folder: &Path, old: &str, new: &str) -> Output {
    for (name, text) in [("old.cedar", old), ("new.cedar", new)] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    command(folder).output().unwrap()
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealgate"));
    command
        .args(["policy", "diff", "old.cedar", "new.cedar"])
        .current_dir(folder);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(not(feature = "proofs"))]
#[test]
fn a_program_without_the_prover_says_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let output = diff(folder.path(), NARROW, NARROW);
    assert_eq!(output.status.code(), Some(1));
    let complaint = text(&output.stderr);
    assert!(
        complaint.contains("--features proofs") && complaint.contains("cvc5"),
        "{complaint}"
    );
}

#[cfg(feature = "proofs")]
#[test]
fn a_wider_policy_is_told_with_a_request_that_it_newly_permits() {
    let folder = tempfile::tempdir().unwrap();
    let wide = NARROW.replace(
        "when { context has mfaAge && context.mfaAge <= duration(\"15m\") }",
        "",
    );
    let output = diff(folder.path(), NARROW, &wide);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("more permissive: s3:GetObject\n"), "{told}");
    assert!(!told.contains("less permissive"), "{told}");

    // The example is a case, and `policy test` finds that only the new policies permit it.
    let case: String = told
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .fold(String::new(), |case, line| case + line + "\n");
    std::fs::write(folder.path().join("case.toml"), case).unwrap();
    for (policies, code) in [("new.cedar", 0), ("old.cedar", 3)] {
        let status = Command::new(env!("CARGO_BIN_EXE_sealgate"))
            .args(["policy", "test", "case.toml", "--policies", policies])
            .current_dir(folder.path())
            .status();
        assert_eq!(status.unwrap().code(), Some(code), "{policies}");
    }
}

#[cfg(feature = "proofs")]
#[test]
fn a_narrower_policy_and_an_equal_one_are_no_alarm() {
    let folder = tempfile::tempdir().unwrap();
    let equal = NARROW.replace("15m", "900s");
    let output = diff(folder.path(), NARROW, &equal);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("equivalent"), "{told}");

    let output = diff(folder.path(), NARROW, &NARROW.replace("15m", "5m"));
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("less permissive: s3:GetObject"), "{told}");
}

#[cfg(feature = "proofs")]
#[test]
fn a_policy_that_can_fail_is_told_first() {
    let folder = tempfile::tempdir().unwrap();
    let fails = format!(
        r#"{NARROW}
        @id("sum") forbid (principal, action == Action::"s3:PutObject", resource) when {{ context has size && context.size + 1 > 9 }};"#
    );
    let output = diff(folder.path(), &fails, NARROW);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(
        told.starts_with("old/sum, of the old policies, cannot be evaluated"),
        "{told}"
    );
}

#[cfg(feature = "proofs")]
#[test]
fn a_solver_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    diff(folder.path(), NARROW, NARROW);
    let output = command(folder.path())
        .env("CVC5", "no-such-solver")
        .output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("cvc5"), "{output:?}");
}
