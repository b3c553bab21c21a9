//! What must not spill when something goes wrong: a panic's message, which may quote a request, and the process's memory,
//! which holds keys and plaintext.

use std::io::Write as _;
use std::panic::PanicHookInfo;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// From now on panics tell where they happened and not what they say, no core file is written, and other processes of the
/// same user cannot read this one's memory.
pub fn prevent() {
    std::panic::set_hook(Box::new(tell));
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let limited = setrlimit(Resource::Core, none);
    let closed = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if let Err(error) = limited.and(closed) {
        // Where the system does not let it, the operator hears of it and the work goes on.
        let _ = writeln!(
            std::io::stderr(),
            "sealgate: core files cannot be ruled out: {error}"
        );
    }
}

fn tell(panic: &PanicHookInfo<'_>) {
    let place = panic
        .location()
        .map(|place| format!("{}:{}", place.file(), place.line()));
    let _ = writeln!(
        std::io::stderr(),
        "sealgate: a fault of the program at {}; what it says is withheld, as it may quote a request",
        place.unwrap_or_default()
    );
}
