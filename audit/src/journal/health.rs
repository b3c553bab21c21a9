//! Whether the journal takes events, for whoever decides if this replica is ready.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The journal's state, as its last batch or its last time-out left it.
#[derive(Debug, Default)]
pub struct Health {
    failing: AtomicBool,
    missing_elsewhere: AtomicBool,
    refused: AtomicU64,
    devices: Vec<Device>,
}

/// A disk of the journal.
#[derive(Debug)]
struct Device {
    name: String,
    down: AtomicBool,
}

impl Health {
    pub(super) fn of(devices: impl IntoIterator<Item = String>) -> Self {
        let device = |name| Device {
            name,
            down: AtomicBool::new(false),
        };
        Self {
            devices: devices.into_iter().map(device).collect(),
            ..Self::default()
        }
    }

    /// Whether events reach as many disks as they must, and [whoever else](Self::told_elsewhere) must have them.
    pub fn is_good(&self) -> bool {
        !self.failing.load(Ordering::Relaxed) && !self.missing_elsewhere.load(Ordering::Relaxed)
    }

    /// Notes whether somebody else has an event who must have it besides the journal.
    pub fn told_elsewhere(&self, good: bool) {
        self.missing_elsewhere.store(!good, Ordering::Relaxed);
    }

    /// How many events were not recorded since the start.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// The journal's disks by their directories, and whether each has all that was acknowledged.
    pub fn devices(&self) -> impl Iterator<Item = (&str, bool)> {
        let alone = self.devices.len() == 1;
        self.devices.iter().map(move |device| {
            let down = device.down.load(Ordering::Relaxed)
                || (alone && self.failing.load(Ordering::Relaxed));
            (device.name.as_str(), !down)
        })
    }

    pub(super) fn told(&self, good: bool) {
        self.failing.store(!good, Ordering::Relaxed);
    }

    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn device(&self, number: usize, up: bool) {
        if let Some(device) = self.devices.get(number) {
            device.down.store(!up, Ordering::Relaxed);
        }
    }

    pub(super) fn is_up(&self, number: usize) -> bool {
        self.devices().nth(number).is_some_and(|(_, up)| up)
    }

    pub(super) fn name(&self, number: usize) -> &str {
        let device = self.devices.get(number);
        device.map_or("", |device| device.name.as_str())
    }
}
