//! Opens a journal: closes on each disk the logs that earlier runs left, makes both disks hold the same, begins a log,
//! and starts the threads.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::SystemTime;

use uuid::Uuid;

use super::checkpointer::Checkpointer;
use super::closing::{self, Closed};
use super::device::{Device, Standing, identity};
use super::devices::{Devices, Member, Two};
use super::disk::Disk;
use super::headroom::Headroom;
use super::health::Health;
use super::home::{Held, Home, LogPlace};
use super::leaves::Leaves;
use super::leveling::level;
use super::queue::queue;
use super::segments::{Segments, Volume};
use super::settling::settle;
use super::sign::Signing;
use super::writer::Writer;
use super::{Journal, JournalError, Opening, Settings};
use crate::Identity;

/// Makes the volume of one of the disks; tests have some that fail.
pub(super) type MakeVolume<'a> = &'a dyn Fn(usize, &LogPlace) -> Box<dyn Volume>;

/// One disk of the journal, as it was found.
struct Found {
    held: Held,
    place: LogPlace,
    /// Why it takes no part yet.
    missing: Option<JournalError>,
}

/// A disk and the thread that signs on it.
struct Ready {
    number: usize,
    found: Found,
    disk: Disk,
}

impl Journal {
    pub(super) fn open_on(
        directory: &Path,
        whose: Arc<Identity>,
        settings: &Settings,
        now: SystemTime,
        volume: MakeVolume<'_>,
    ) -> Result<Self, JournalError> {
        let signing = Signing::new(whose);
        let paths = [Some(directory), settings.second.as_deref()];
        let homes: Vec<Home> = paths.into_iter().flatten().map(Home::at).collect();
        let log = log_name(&settings.replica, now);
        let mut closed = BTreeMap::new();
        let mut disks = Vec::new();
        for home in &homes {
            let held = Held::new(home.clone());
            let missing = lock(home, &held).err();
            if let Some(in_use @ JournalError::InUse { .. }) = missing {
                return Err(in_use);
            }
            disks.push(Found {
                held,
                place: home.place(&log),
                missing,
            });
        }
        if let ([first, second], true) = (homes.as_slice(), all_there(&disks))
            && are_on_one_device(first.path(), second.path()).unwrap_or(false)
        {
            tracing::warn!(
                "both directories of the audit journal are on one device: its loss is the loss of both"
            );
        }
        // Before any end is signed: what was signed stays.
        let mut disputed = BTreeSet::new();
        if let ([first, second], true) = (homes.as_slice(), all_there(&disks)) {
            disputed = settle([first, second], &signing).map_err(failed(first))?;
        }
        for (home, disk) in homes.iter().zip(&mut disks) {
            if disk.missing.is_none() {
                disk.missing = close_all(home, &signing, &disputed, &mut closed).err();
            }
        }
        enough(&disks, settings)?;
        if let ([first, second], true) = (homes.as_slice(), all_there(&disks)) {
            level([first, second], &signing).map_err(failed(first))?;
        }
        for (home, disk) in homes.iter().zip(&mut disks) {
            if disk.missing.is_none() {
                let begun = disk
                    .place
                    .begin()
                    .and_then(|()| signing.certify(&disk.place));
                disk.missing = begun.map_err(failed(home)).err();
            }
        }
        enough(&disks, settings)?;
        let opening = Opening {
            closed: closed.into_values().collect(),
        };
        Self::start(homes, disks, signing, opening, settings, volume)
            .map_err(failed(&Home::at(directory)))
    }

    fn start(
        homes: Vec<Home>,
        disks: Vec<Found>,
        signing: Signing,
        opening: Opening,
        settings: &Settings,
        volume: MakeVolume<'_>,
    ) -> io::Result<Self> {
        let log = disks.first().map(|disk| disk.place.name.clone());
        let log = log.unwrap_or_default();
        let names = homes.iter().map(|home| home.path().display().to_string());
        let health = Arc::new(Health::of(names));
        let (entrance, arrivals) = queue(settings.queue, settings.late);
        let (ending, ended) = mpsc::channel();
        let (mut provers, mut threads, mut ready) = (Vec::new(), Vec::new(), Vec::new());
        for (number, found) in disks.into_iter().enumerate() {
            let (prover, told) = mpsc::channel();
            let leaves = Leaves::default();
            let headroom = homes.get(number).map(Home::headroom).unwrap_or_default();
            let headroom = Headroom::new(headroom, settings.headroom);
            let disk = Disk {
                segments: Segments::new(volume(number, &found.place), settings.segment_bytes),
                leaves: leaves.clone(),
                signer: prover.clone(),
                headroom,
            };
            let certificate = signing.certificate(&log)?;
            let (signing, every) = (signing.clone(), settings.checkpoint_every);
            let place = found.place.clone();
            let signer = Checkpointer::new(place, signing, certificate, (told, leaves), every);
            threads.push(signing_thread(signer, found.held.clone(), ending.clone())?);
            provers.push(prover);
            ready.push(Ready {
                number,
                found,
                disk,
            });
        }
        drop(ending);
        let devices = devices(ready, &signing, &health, settings, &mut threads)?;
        let key = signing.identity().audit_key().clone();
        let writer = Writer::new(devices, arrivals, Arc::clone(&health), &log, key);
        threads.push(spawn("audit-journal", move || writer.run())?);
        Ok(Self {
            entrance: Some(entrance),
            provers,
            commit_timeout: settings.commit_timeout,
            opening,
            homes,
            log,
            signing,
            health,
            ended: Mutex::new(ended),
            threads,
        })
    }
}

/// Whether as many disks are there as must be.
fn enough(disks: &[Found], settings: &Settings) -> Result<(), JournalError> {
    let there = disks.iter().filter(|disk| disk.missing.is_none()).count();
    let enough = there >= settings.min_devices.clamp(1, disks.len());
    for missing in disks.iter().filter_map(|disk| disk.missing.as_ref()) {
        if !enough {
            return Err(missing.clone());
        }
        tracing::error!(error = %missing, "a disk of the audit journal is left out");
    }
    Ok(())
}

fn all_there(disks: &[Found]) -> bool {
    disks.iter().all(|disk| disk.missing.is_none())
}

/// Whether two directories are on one file system. Two partitions of a disk count as two devices.
pub(super) fn are_on_one_device(first: &Path, second: &Path) -> io::Result<bool> {
    Ok(fs::metadata(first)?.dev() == fs::metadata(second)?.dev())
}

/// Locks a disk's directory.
fn lock(home: &Home, held: &Held) -> Result<(), JournalError> {
    home.make().map_err(failed(home))?;
    held.take().map_err(|error| match error {
        TryLockError::WouldBlock => JournalError::InUse {
            directory: home.path().to_owned(),
        },
        TryLockError::Error(source) => failed(home)(source),
    })
}

/// Closes what earlier runs left on a disk.
fn close_all(
    home: &Home,
    signing: &Signing,
    disputed: &BTreeSet<String>,
    closed: &mut BTreeMap<String, Closed>,
) -> Result<(), JournalError> {
    for place in home.logs().map_err(failed(home))? {
        if let Some(now) =
            closing::close(&place, signing, disputed.contains(&place.name)).map_err(failed(home))?
        {
            // Of what two disks have, the longer is what there is.
            let before = closed.get(&now.log);
            if before.is_none_or(|before| before.size < now.size) {
                closed.insert(now.log.clone(), now);
            }
        }
    }
    Ok(())
}

fn failed(home: &Home) -> impl Fn(io::Error) -> JournalError {
    let directory = home.path().to_owned();
    move |source| JournalError::Open {
        directory: directory.clone(),
        source: Arc::new(source),
    }
}

/// What the journal's thread writes to: the only disk itself, or two by threads of their own.
fn devices(
    mut ready: Vec<Ready>,
    signing: &Signing,
    health: &Arc<Health>,
    settings: &Settings,
    threads: &mut Vec<JoinHandle<()>>,
) -> io::Result<Devices> {
    for ready in ready
        .iter_mut()
        .filter(|ready| ready.found.missing.is_none())
    {
        ready.disk.headroom.take();
    }
    if ready.len() == 1
        && let Some(only) = ready.pop()
    {
        return Ok(Devices::One(Box::new(only.disk)));
    }
    let (replier, replies) = mpsc::channel();
    let whole = Arc::default();
    let mut members = Vec::new();
    for Ready {
        number,
        found,
        disk,
    } in ready
    {
        let there = found.missing.is_none();
        let standing = Arc::new(Standing::default());
        standing
            .behind
            .store(!there, std::sync::atomic::Ordering::SeqCst);
        health.device(number, there);
        let device = Device {
            number,
            known: identity(&found.place).ok().filter(|_| there),
            place: found.place.clone(),
            held: found.held,
            disk,
            signing: signing.clone(),
            standing: Arc::clone(&standing),
            whole: Arc::clone(&whole),
            health: Arc::clone(health),
            said: None,
        };
        let (tasks, given): (Sender<_>, Receiver<_>) = mpsc::channel();
        let replier = replier.clone();
        threads.push(spawn("audit-disk", move || device.run(&given, &replier))?);
        members.push(Member {
            place: found.place,
            tasks,
            standing,
            takes_part: there,
            asked: None,
            full: false,
        });
    }
    Ok(Devices::Two(Two {
        least: settings.min_devices.clamp(1, members.len()),
        members,
        replies,
        patience: settings.commit_timeout / 2,
        next_seq: 0,
        whole,
        health: Arc::clone(health),
        changes: Vec::new(),
        latest: 0,
    }))
}

fn signing_thread(
    signer: Checkpointer,
    held: Held,
    ending: Sender<()>,
) -> io::Result<JoinHandle<()>> {
    spawn("audit-sign", move || {
        signer.run();
        // In this order: who waits for the end may open the directory again.
        drop(held);
        drop(ending);
    })
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(run)
}

/// `<replica>-<time>-<random>`: no two are the same, and those of one replica sort by its clock's time, to the
/// millisecond: in a second it can be started twice.
pub(super) fn log_name(replica: &str, now: SystemTime) -> String {
    let replica: String = replica
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
        .take(REPLICA_LIMIT)
        .collect();
    let time = time::OffsetDateTime::from(now)
        .to_offset(time::UtcOffset::UTC)
        .format(LOG_TIME)
        .unwrap_or_default();
    let random = Uuid::new_v4().simple().to_string();
    let random = random.get(..8).unwrap_or_default();
    let replica = if replica.is_empty() {
        "replica"
    } else {
        &replica
    };
    format!("{replica}-{time}-{random}")
}

const LOG_TIME: &[time::format_description::BorrowedFormatItem<'_>] = time::macros::format_description!(
    "[year][month][day]T[hour][minute][second].[subsecond digits:3]Z"
);

/// Characters.
const REPLICA_LIMIT: usize = 64;
