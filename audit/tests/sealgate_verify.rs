//! `sealgate-verify` as its user meets it before there is anything to verify. That cargo builds the program for this
//! test is also why the suite finds it.
#![expect(
    clippy::expect_used,
    reason = "a test fails by panicking with the reason"
)]

use std::process::Command;

fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_sealgate-verify"))
        .args(arguments)
        .output()
        .expect("it starts");
    let said = String::from_utf8(output.stderr).expect("it prints text");
    (output.status.code(), said)
}

#[test]
fn whoever_gives_no_key_is_told_where_it_comes_from() {
    let (code, said) = run(&["trail", "."]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("sealgate audit key"), "{said}");
}

#[test]
fn a_key_that_is_none_is_not_taken_for_one() {
    let (code, said) = run(&["trail", ".", "--key", "nonsense"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("--key: "), "{said}");
}
