//! One tenant's index beside a journal: brought up to date behind the signed lines, and asked.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use audit::{Cursor, Follower};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use crate::month::Month;
use crate::question::{Bulk, First, Hit, Novelty, Question};
use crate::row::Row;

/// The index of one tenant's lines in one journal; of lines of no tenant, if the name is empty.
#[derive(Debug)]
pub struct Index {
    journal: PathBuf,
    place: PathBuf,
    tenant: String,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The journal or the index's directory.
    #[error("the journal or its index cannot be read or written")]
    Disk(#[from] io::Error),
    /// An index file.
    #[error("an index file cannot be used; remove {} and ask again", .place.display())]
    File {
        /// The index's directory.
        place: PathBuf,
        /// SQLite's words.
        source: rusqlite::Error,
    },
    /// The line is not where the index has it.
    #[error("line {seq} of {log} is not where the index has it; remove {} and ask again", .place.display())]
    Moved {
        /// The index's directory.
        place: PathBuf,
        /// The log.
        log: String,
        /// The line.
        seq: u64,
    },
}

/// Whether a log's lines of the tenant are all there: they are numbered without a gap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OfLog {
    /// The log.
    pub log: String,
    /// How many of the tenant's lines it has.
    pub lines: u64,
    /// How many there must be, as the last one is numbered.
    pub numbered: u64,
    /// The time of the first and the last, in milliseconds since 1970.
    pub first: i64,
    /// The latter.
    pub last: i64,
}

impl OfLog {
    /// Whether none is missing between the first and the last.
    pub fn is_complete(&self) -> bool {
        self.lines == self.numbered
    }
}

impl Index {
    /// The index of `tenant` beside `journal`; it is made when it is brought up to date.
    pub fn new(journal: &Path, tenant: &str) -> Self {
        // Names of tenants are others' words, and one tenant's files are not named for another to read.
        let name = Sha256::digest(tenant.as_bytes());
        let name = hex::encode(name.get(..16).unwrap_or_default());
        Self {
            journal: journal.to_owned(),
            place: journal.join(INDEX).join(name),
            tenant: tenant.to_owned(),
        }
    }

    /// Takes in what was signed since. Gives how many lines of the tenant that were. Blocks on the disk.
    pub fn update(&self) -> Result<u64, IndexError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.place)?;
        let file = self.place.join(CURSOR);
        if !file.exists() {
            // Files without a cursor are of a build that was interrupted, or of another form of index.
            self.clear()?;
        }
        let mut follower = Follower::new(&self.journal, Cursor::load(&file)?);
        let mut months: BTreeMap<String, Month> = BTreeMap::new();
        let mut added = 0_u64;
        loop {
            let lines = follower.read(BATCH)?;
            if lines.is_empty() {
                break;
            }
            let mut by_month: BTreeMap<String, Vec<Row>> = BTreeMap::new();
            for row in lines
                .into_iter()
                .filter_map(|line| Row::of(line, &self.tenant))
            {
                added = added.saturating_add(1);
                by_month.entry(month_of(row.wall)).or_default().push(row);
            }
            for (name, rows) in by_month {
                if !months.contains_key(&name) {
                    let path = self.place.join(format!("{name}{SUFFIX}"));
                    months.insert(name.clone(), Month::open(&path).map_err(self.failed())?);
                }
                if let Some(month) = months.get_mut(&name) {
                    month.add(&rows).map_err(self.failed())?;
                }
            }
            // After the rows: what is taken in twice is kept once.
            follower.cursor().store(&file)?;
        }
        if !file.exists() {
            follower.cursor().store(&file)?;
        }
        Ok(added)
    }

    /// Removes it. It is made anew when it is brought up to date.
    pub fn forget(&self) -> Result<(), IndexError> {
        match fs::remove_dir_all(&self.place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The lines that answer a question, in order of time; of equal times in the order of the journal.
    pub fn find(&self, question: &Question) -> Result<Vec<Hit>, IndexError> {
        let mut hits = Vec::new();
        for month in self.between(question.from, question.to)? {
            let left = question.most.saturating_sub(hits.len());
            if left == 0 {
                break;
            }
            let question = Question {
                most: left,
                ..question.clone()
            };
            hits.extend(month.find(&question).map_err(self.failed())?);
        }
        Ok(hits)
    }

    /// Who ended at least `reads` reads well in that time, or was sent at least `bytes`; most first.
    pub fn bulk(
        &self,
        from: i64,
        to: i64,
        reads: u64,
        bytes: u64,
    ) -> Result<Vec<Bulk>, IndexError> {
        let mut actors: BTreeMap<String, Bulk> = BTreeMap::new();
        for month in self.between(from, to)? {
            for more in month.reads(from, to).map_err(self.failed())? {
                let merged = match actors.get(&more.actor) {
                    None => more,
                    Some(one) => Bulk {
                        actor: more.actor,
                        reads: one.reads.saturating_add(more.reads),
                        bytes: one.bytes.saturating_add(more.bytes),
                        first: one.first.min(more.first),
                        last: one.last.max(more.last),
                    },
                };
                actors.insert(merged.actor.clone(), merged);
            }
        }
        let mut bulk: Vec<Bulk> = actors
            .into_values()
            .filter(|one| one.reads >= reads || one.bytes >= bytes)
            .collect();
        bulk.sort_by(|a, b| b.reads.cmp(&a.reads).then_with(|| a.actor.cmp(&b.actor)));
        Ok(bulk)
    }

    /// Principals that came from a network, or with a device, for the first time ever in that time.
    pub fn firsts(&self, from: i64, to: i64) -> Result<Vec<First>, IndexError> {
        let mut firsts: BTreeMap<(String, Novelty, String), First> = BTreeMap::new();
        for month in self.between(i64::MIN, to)? {
            for first in month.firsts().map_err(self.failed())? {
                let pair = (first.actor.clone(), first.what, first.token.clone());
                let known = firsts.get(&pair);
                if known.is_none_or(|known| first.hit.wall < known.hit.wall) {
                    firsts.insert(pair, first);
                }
            }
        }
        let mut firsts: Vec<First> = firsts
            .into_values()
            .filter(|first| (from..=to).contains(&first.hit.wall))
            .collect();
        firsts.sort_by(|a, b| {
            let place = |first: &First| {
                let hit = &first.hit;
                (hit.wall, hit.log.clone(), hit.seq, first.what)
            };
            place(a).cmp(&place(b))
        });
        Ok(firsts)
    }

    /// For each log with lines of the tenant in that time, whether its lines are all there.
    pub fn completeness(&self, from: i64, to: i64) -> Result<Vec<OfLog>, IndexError> {
        let mut logs: BTreeMap<String, OfLog> = BTreeMap::new();
        for month in self.between(i64::MIN, i64::MAX)? {
            for chain in month.chains().map_err(self.failed())? {
                let log = logs.entry(chain.log.clone()).or_insert(OfLog {
                    log: chain.log,
                    lines: 0,
                    numbered: 0,
                    first: i64::MAX,
                    last: i64::MIN,
                });
                log.lines = log.lines.saturating_add(chain.lines);
                log.numbered = log.numbered.max(chain.highest.saturating_add(1));
                log.first = log.first.min(chain.first);
                log.last = log.last.max(chain.last);
            }
        }
        let within = |log: &OfLog| log.first <= to && log.last >= from;
        Ok(logs.into_values().filter(within).collect())
    }

    /// The line of a hit, as it stands on the trail.
    pub fn line(&self, hit: &Hit) -> Result<String, IndexError> {
        let segment = format!("{:020}.jsonl", hit.segment);
        let place = audit::place_of(&self.journal, &hit.log);
        let path = place.join("segments").join(segment);
        let mut reader = BufReader::with_capacity(1 << 12, File::open(path)?);
        reader.seek(SeekFrom::Start(hit.offset))?;
        let mut line = String::new();
        reader.read_line(&mut line)?;
        line.truncate(line.trim_end().len());
        let wanted = format!("\"seq\":{},", hit.seq);
        if line.contains(&wanted) && line.contains(&hit.log) {
            return Ok(line);
        }
        Err(IndexError::Moved {
            place: self.place.clone(),
            log: hit.log.clone(),
            seq: hit.seq,
        })
    }

    fn clear(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.place)? {
            fs::remove_file(entry?.path())?;
        }
        Ok(())
    }

    /// The months that have lines between these times, in their order.
    fn between(&self, from: i64, to: i64) -> Result<Vec<Month>, IndexError> {
        let (from, to) = (month_of(from), month_of(to));
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.place)? {
            let name = entry?.file_name().into_string().unwrap_or_default();
            if let Some(month) = name.strip_suffix(SUFFIX)
                && (from.as_str()..=to.as_str()).contains(&month)
            {
                names.push(name);
            }
        }
        names.sort();
        let months = names.iter().map(|name| Month::open(&self.place.join(name)));
        months.collect::<Result<_, _>>().map_err(self.failed())
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> IndexError + '_ {
        |source| IndexError::File {
            place: self.place.clone(),
            source,
        }
    }
}

/// `2026-11`, in UTC; times that no calendar has sort first and last.
fn month_of(millis: i64) -> String {
    match OffsetDateTime::from_unix_timestamp(millis.div_euclid(1000)) {
        Ok(time) if (0..=9999).contains(&time.year()) => {
            format!("{:04}-{:02}", time.year(), u8::from(time.month()))
        }
        _ if millis < 0 => String::new(),
        _ => "9999-99".to_owned(),
    }
}

const INDEX: &str = "index";
const CURSOR: &str = "v4.cursor";
const SUFFIX: &str = ".sqlite";
const BATCH: usize = 8192;
