//! The compiler of bucket policies against an independent evaluator of IAM policies, over a few thousand random
//! cases. `cargo bench --package policies --bench differential -- 100000` runs more of them.

#[path = "../benches/differential/cases.rs"]
mod cases;

use cases::{Dice, Outcome};

#[test]
fn bucket_policies_are_decided_as_another_evaluator_decides_them() {
    let (mut permitted, mut denied) = (0, 0);
    // Other policies than those that the longer run begins with.
    for seed in 1_000_000..1_000_400 {
        for outcome in cases::run(&mut Dice::new(seed)) {
            match outcome {
                Outcome::Agreed { permitted: true } => permitted += 1,
                Outcome::Agreed { permitted: false } => denied += 1,
                Outcome::Refused => {}
                Outcome::Differed(how) => panic!("policy {seed} differs: {how}"),
            }
        }
    }
    // Most of them mean something, and both answers occur.
    assert!(
        permitted > 100 && denied > 1000,
        "{permitted} permitted, {denied} denied"
    );
}
