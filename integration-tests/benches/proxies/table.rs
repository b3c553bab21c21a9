//! From samples to a Markdown table. It starts nothing.

use std::fmt::Write as _;
use std::io;

use crate::proxy::{NGINX_NAME, Proxy, RCLONE};

/// What one turn of one proxy cost.
pub(crate) struct Sample {
    /// The proxy's own processor time in seconds, user and system.
    pub(crate) cpu: f64,
    /// Seconds the client waited.
    pub(crate) wall: f64,
    pub(crate) operations: f64,
    pub(crate) bytes: f64,
}

impl Sample {
    fn cpu_per_gib(&self) -> f64 {
        self.cpu / self.bytes * GIB
    }

    fn cpu_ms_per_operation(&self) -> f64 {
        self.cpu / self.operations * 1000.0
    }

    fn mib_per_second(&self) -> f64 {
        self.bytes / MIB / self.wall
    }
}

/// All samples of one operation at one size through one proxy, in the order of the rounds.
pub(crate) struct Row {
    pub(crate) operation: &'static str,
    pub(crate) size: u32,
    pub(crate) proxy: &'static str,
    pub(crate) samples: Vec<Sample>,
}

impl Row {
    pub(crate) fn is(&self, operation: &str, size: u32, proxy: &str) -> bool {
        (self.operation, self.size, self.proxy) == (operation, size, proxy)
    }

    /// This row's processor time against another's, round by round.
    fn ratio(&self, other: Option<&Self>) -> String {
        let Some(other) = other else {
            return String::from("-");
        };
        let pairs = self.samples.iter().zip(&other.samples);
        let ratios: Vec<f64> = pairs.map(|(mine, theirs)| mine.cpu / theirs.cpu).collect();
        // Next to a cost below one clock tick no ratio means anything.
        match Spread::of(ratios) {
            spread if spread.median.is_finite() && spread.median > 0.0 => {
                format!("{:.2}", spread.median)
            }
            _ => String::from("-"),
        }
    }

    fn spread(&self, figure: impl Fn(&Sample) -> f64) -> Spread {
        Spread::of(self.samples.iter().map(figure).collect())
    }
}

struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Spread {
    fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let middle = figures.get(figures.len() / 2);
        Self {
            least: figures.first().copied().unwrap_or(f64::NAN),
            median: middle.copied().unwrap_or(f64::NAN),
            most: figures.last().copied().unwrap_or(f64::NAN),
        }
    }

    fn shown(&self, decimals: usize) -> String {
        let Self {
            least,
            median,
            most,
        } = self;
        format!("{least:.decimals$} / {median:.decimals$} / {most:.decimals$}")
    }
}

/// Writes what was measured, as min / median / max over the rounds.
pub(crate) fn write(out: &mut impl io::Write, rows: &[Row], proxies: &[Proxy]) -> io::Result<()> {
    writeln!(
        out,
        "| operation | proxy | CPU s/GiB | CPU ms/operation | MiB/s | CPU ÷ nginx | CPU ÷ rclone |\n\
         |---|---|---|---|---|---|---|"
    )?;
    for row in rows {
        let beside = |name| {
            rows.iter()
                .find(|one| one.is(row.operation, row.size, name))
        };
        let cpu = if row.samples.iter().all(|sample| sample.cpu == 0.0) {
            String::from("- | -")
        } else {
            let mut cpu = row.spread(Sample::cpu_per_gib).shown(2);
            let _ = write!(
                cpu,
                " | {}",
                row.spread(Sample::cpu_ms_per_operation).shown(3)
            );
            cpu
        };
        writeln!(
            out,
            "| {} {} | {} | {cpu} | {} | {} | {} |",
            row.operation.to_uppercase(),
            size(row.size),
            row.proxy,
            row.spread(Sample::mib_per_second).shown(0),
            row.ratio(beside(NGINX_NAME)),
            row.ratio(beside(RCLONE)),
        )?;
    }
    writeln!(out, "\n| proxy | peak memory, MiB |\n|---|---|")?;
    for proxy in proxies {
        if let Some(bytes) = proxy.peak_memory() {
            writeln!(out, "| {} | {} |", proxy.name(), bytes >> 20)?;
        }
    }
    Ok(())
}

fn size(bytes: u32) -> String {
    if bytes < 1 << 20 {
        format!("{} KiB", bytes >> 10)
    } else {
        format!("{} MiB", bytes >> 20)
    }
}

const MIB: f64 = 1_048_576.0;
const GIB: f64 = 1024.0 * MIB;
