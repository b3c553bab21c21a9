//! A panic tells where it happened and withholds what it says. In a process of its own: the hook is the process's.

use std::process::Command;

const SAYS: &str = "patient-4711-canary";

#[test]
fn what_a_panic_says_is_withheld() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "panics",
            "--ignored",
            "--nocapture",
            "--test-threads",
            "1",
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stderr).into_owned();
    assert!(
        said.contains("a fault of the program at ") && said.contains("spills.rs:"),
        "{said}"
    );
    assert!(!said.contains(SAYS), "{said}");
}

#[test]
#[ignore = "it is the child of the test above, and panics"]
fn panics() {
    gateway::spills::prevent();
    let told = std::thread::spawn(|| panic!("{SAYS}")).join();
    assert!(told.is_err());
}
