//! Free loopback ports for programs that cannot choose their own.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// A loopback port nobody listens on. No port is given twice.
///
/// # Panics
/// If the range is used up.
pub fn free() -> u16 {
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(port < RANGE_END, "no free port below {RANGE_END}");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

// Below the range from which the kernel serves outgoing connections and port 0, so that nothing
// takes the port between the look and the program's own bind.
static NEXT: AtomicU16 = AtomicU16::new(21_000);
const RANGE_END: u16 = 32_000;
