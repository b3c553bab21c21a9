//! The gateway beside its opponents: one store, one client, the same requests through each in turn,
//! and what each proxy's process paid for them. `cargo xtask bench` builds what it needs and runs it.
#![expect(
    clippy::expect_used,
    reason = "a measurement that cannot be taken ends the run with the reason"
)]

mod proxy;
mod table;

use std::io::Write as _;

use crate::proxy::Proxy;
use crate::table::{Row, Sample};

fn main() {
    // Cargo adds its own `--bench`; a number is how many rounds to run.
    let rounds = std::env::args().find_map(|argument| argument.parse().ok());
    let proxies = proxy::start();
    let rows = measure(&proxies, rounds.unwrap_or(ROUNDS));
    let mut out = std::io::stdout().lock();
    table::write(&mut out, &rows, &proxies).expect("the table can be written");
    out.flush().expect("the table can be written");
}

/// Every proxy has its turn in every round, so that what slows the machine down meets all alike.
fn measure(proxies: &[Proxy], rounds: usize) -> Vec<Row> {
    let mut rows: Vec<Row> = LOADS.iter().flat_map(|load| load.rows(proxies)).collect();
    for round in 1..=rounds {
        say(&format!("round {round} of {rounds}"));
        for load in LOADS {
            for proxy in proxies {
                for operation in OPERATIONS {
                    let sample = sample(proxy, operation, load);
                    rows.iter_mut()
                        .find(|row| row.is(operation, load.size, proxy.name()))
                        .expect("every load has a row")
                        .samples
                        .push(sample);
                }
            }
        }
    }
    rows
}

fn sample(proxy: &Proxy, operation: &str, load: &Load) -> Sample {
    let before = proxy.cpu_seconds();
    let (size, count) = (load.size.to_string(), load.count.to_string());
    let told = proxy
        .account()
        .run_script("load.py", &[operation, proxy.bucket(), &size, &count]);
    Sample {
        cpu: proxy.cpu_seconds() - before,
        wall: told.trim().parse().expect("the client tells its seconds"),
        operations: f64::from(load.count),
        bytes: f64::from(load.size) * f64::from(load.count),
    }
}

/// One size and how often it is sent: enough for the kernel's clock ticks of 10 ms to be a small error.
struct Load {
    size: u32,
    count: u32,
}

impl Load {
    fn rows(&self, proxies: &[Proxy]) -> Vec<Row> {
        let pairs = OPERATIONS
            .iter()
            .flat_map(|operation| proxies.iter().map(move |proxy| (operation, proxy)));
        pairs
            .map(|(operation, proxy)| Row {
                operation,
                size: self.size,
                proxy: proxy.name(),
                samples: Vec::new(),
            })
            .collect()
    }
}

fn say(text: &str) {
    // A closed terminal is no reason to stop measuring.
    let _ = writeln!(std::io::stderr(), "bench: {text}");
}

const ROUNDS: usize = 5;
const OPERATIONS: [&str; 2] = ["put", "get"];
const LOADS: &[Load] = &[
    Load {
        size: 64 << 20,
        count: 8,
    },
    Load {
        size: 1 << 20,
        count: 256,
    },
    Load {
        size: 64 << 10,
        count: 2000,
    },
];
