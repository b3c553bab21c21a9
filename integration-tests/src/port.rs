//! Free loopback ports for programs that cannot choose their own.

use std::net::TcpListener;
use std::ops::Range;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// A loopback port nobody listens on. No port is given twice.
///
/// # Panics
/// If the range is used up.
pub fn free() -> u16 {
    loop {
        let given = GIVEN.fetch_add(1, Ordering::Relaxed);
        let many = u32::try_from(RANGE.len()).expect("there are fewer than 65536 ports");
        assert!(given < many, "no free port in {RANGE:?}");
        // Test runs at the same time begin at places of their own: between the look and the program's own bind, or
        // while a program is started anew, another run would take the port.
        let place = process::id().wrapping_mul(FAR).wrapping_add(given) % many;
        let port = RANGE.start + u16::try_from(place).expect("it is within the range");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

static GIVEN: AtomicU32 = AtomicU32::new(0);

/// Below the range from which the kernel serves outgoing connections and port 0, so that nothing
/// takes the port between the look and the program's own bind.
const RANGE: Range<u16> = 21_000..32_000;

/// More ports than a run uses.
const FAR: u32 = 199;
