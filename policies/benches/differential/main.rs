//! Holds our compiler of bucket policies against `iam-rs` over many random cases:
//! `cargo bench --package policies --bench differential -- 100000`. Ends with a failure at the first difference.

use std::io::Write as _;
use std::process::ExitCode;

mod cases;

use cases::{Dice, Outcome};

fn main() -> ExitCode {
    // cargo bench adds `--bench`.
    let wanted = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok());
    let wanted: u64 = wanted.unwrap_or(100_000);
    let (mut permitted, mut denied, mut refused) = (0_u64, 0_u64, 0_u64);
    for seed in 0.. {
        for outcome in cases::run(&mut Dice::new(seed)) {
            match outcome {
                Outcome::Agreed { permitted: true } => permitted += 1,
                Outcome::Agreed { permitted: false } => denied += 1,
                Outcome::Refused => refused += 1,
                Outcome::Differed(how) => {
                    let _ = writeln!(std::io::stderr(), "policy {seed} differs: {how}");
                    return ExitCode::FAILURE;
                }
            }
        }
        if permitted + denied >= wanted {
            break;
        }
    }
    let told = writeln!(
        std::io::stdout(),
        "{} cases decided alike: {permitted} permitted, {denied} denied; {refused} policies more were refused",
        permitted + denied
    );
    told.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}
