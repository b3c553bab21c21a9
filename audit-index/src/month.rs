//! The lines of one month in one SQLite file. It must not know where lines come from.
//!
//! Names are kept once, in `words`, and rows hold their numbers. Rows are keyed by their place on the trail: what is
//! told twice is kept once.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};

use crate::question::{Bulk, First, Hit, Novelty, Question};
use crate::row::Row;

/// An open file.
pub(crate) struct Month {
    connection: Connection,
    words: HashMap<String, i64>,
}

/// Of one log: how many lines, the highest `tseq`, and the first and last time.
pub(crate) struct Chain {
    pub(crate) log: String,
    pub(crate) lines: u64,
    pub(crate) highest: u64,
    pub(crate) first: i64,
    pub(crate) last: i64,
}

impl Month {
    pub(crate) fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;
             PRAGMA temp_store = MEMORY;",
        )?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self {
            connection,
            words: HashMap::new(),
        })
    }

    /// Adds rows, all or none.
    pub(crate) fn add(&mut self, rows: &[Row]) -> rusqlite::Result<()> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let added = rows.iter().try_for_each(|row| self.add_one(row));
        let end = if added.is_ok() { "COMMIT" } else { "ROLLBACK" };
        self.connection.execute_batch(end)?;
        if added.is_err() || self.words.len() > WORDS_HELD {
            self.words.clear();
        }
        added
    }

    fn add_one(&mut self, row: &Row) -> rusqlite::Result<()> {
        let log = self.word(&row.line.log)?;
        let mut number = |word: &Option<String>| word.as_deref().map(|word| self.word(word));
        let actor = number(&row.actor).transpose()?;
        let cred = number(&row.cred).transpose()?;
        let object = number(&row.object).transpose()?;
        let src = number(&row.src).transpose()?;
        let net = number(&row.net).transpose()?;
        let dev = number(&row.dev).transpose()?;
        let seq = signed(row.line.seq);
        let added = self.connection.prepare_cached(INSERT)?.execute(params![
            log,
            seq,
            signed(row.tseq),
            row.wall,
            actor,
            cred,
            object,
            src,
            net,
            dev,
            row.about,
            row.read,
            signed(row.line.segment),
            signed(row.line.offset),
        ])?;
        if added > 0 {
            self.connection.prepare_cached(COUNT)?.execute(params![
                log,
                signed(row.tseq),
                row.wall
            ])?;
        }
        for (what, token) in [(Novelty::Network, net), (Novelty::Device, dev)] {
            if let (Some(actor), Some(token)) = (actor, token) {
                let is_device = what == Novelty::Device;
                self.connection
                    .prepare_cached(FIRST)?
                    .execute(params![actor, is_device, token, row.wall, log, seq])?;
            }
        }
        Ok(())
    }

    /// A word's number; a new one where there was none.
    fn word(&mut self, word: &str) -> rusqlite::Result<i64> {
        if let Some(number) = self.words.get(word) {
            return Ok(*number);
        }
        let number = if let Some(number) = self.known(word)? {
            number
        } else {
            let mut adding = self
                .connection
                .prepare_cached("INSERT INTO words (word) VALUES (?)")?;
            adding.insert([word])?
        };
        self.words.insert(word.to_owned(), number);
        Ok(number)
    }

    fn known(&self, word: &str) -> rusqlite::Result<Option<i64>> {
        self.connection
            .prepare_cached("SELECT id FROM words WHERE word = ?")?
            .query_row([word], |row| row.get(0))
            .optional()
    }

    /// The lines that answer a question, in order of time.
    pub(crate) fn find(&self, question: &Question) -> rusqlite::Result<Vec<Hit>> {
        let mut conditions = vec!["wall BETWEEN ? AND ?".to_owned()];
        let mut values = vec![Value::from(question.from), Value::from(question.to)];
        let credential = question.credential.clone().map(|one| vec![one]);
        for (column, words) in [
            ("object", &question.objects),
            ("actor", &question.actors),
            ("net", &question.networks),
            ("src", &question.addresses),
            ("dev", &question.devices),
            ("cred", &credential),
        ] {
            let Some(words) = words else { continue };
            let mut numbers = Vec::new();
            for word in words {
                numbers.extend(self.known(word)?);
            }
            let places = vec!["?"; numbers.len()].join(",");
            conditions.push(format!("{column} IN ({places})"));
            values.extend(numbers.into_iter().map(Value::from));
        }
        if let Some(about) = question.about {
            // The first condition is that of the index.
            conditions.push("about <> 0 AND about & ? <> 0".to_owned());
            values.push(Value::from(about.bit()));
        }
        values.push(Value::from(signed(
            u64::try_from(question.most).unwrap_or(u64::MAX),
        )));
        let query = format!(
            "SELECT (SELECT word FROM words WHERE id = log), seq, wall, segment, place FROM lines \
             WHERE {} ORDER BY wall, log, seq LIMIT ?",
            conditions.join(" AND ")
        );
        let mut statement = self.connection.prepare(&query)?;
        let hits = statement.query_map(params_from_iter(values), hit)?;
        hits.collect()
    }

    /// Who read at least so often, or so many bytes.
    pub(crate) fn reads(&self, from: i64, to: i64) -> rusqlite::Result<Vec<Bulk>> {
        let mut statement = self.connection.prepare(READS)?;
        let read = statement.query_map([from, to], |row| {
            Ok(Bulk {
                actor: row.get::<_, Option<String>>(0)?.unwrap_or_default(),
                reads: unsigned(row.get(1)?),
                bytes: unsigned(row.get(2)?),
                first: row.get(3)?,
                last: row.get(4)?,
            })
        })?;
        read.collect()
    }

    /// From where, and with what, each principal came for the first time this month.
    pub(crate) fn firsts(&self) -> rusqlite::Result<Vec<First>> {
        let mut statement = self.connection.prepare(FIRSTS)?;
        let firsts = statement.query_map([], |row| {
            Ok(First {
                hit: hit(row)?,
                actor: row.get(5)?,
                what: if row.get(6)? {
                    Novelty::Device
                } else {
                    Novelty::Network
                },
                token: row.get(7)?,
            })
        })?;
        firsts.collect()
    }

    /// What there is of each log.
    pub(crate) fn chains(&self) -> rusqlite::Result<Vec<Chain>> {
        let mut statement = self.connection.prepare(CHAINS)?;
        let chains = statement.query_map([], |row| {
            Ok(Chain {
                log: row.get(0)?,
                lines: unsigned(row.get(1)?),
                highest: unsigned(row.get(2)?),
                first: row.get(3)?,
                last: row.get(4)?,
            })
        })?;
        chains.collect()
    }
}

fn hit(row: &rusqlite::Row<'_>) -> rusqlite::Result<Hit> {
    Ok(Hit {
        log: row.get(0)?,
        seq: unsigned(row.get(1)?),
        wall: row.get(2)?,
        segment: unsigned(row.get(3)?),
        offset: unsigned(row.get(4)?),
    })
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS words (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS lines (
    log INTEGER NOT NULL, seq INTEGER NOT NULL, tseq INTEGER NOT NULL, wall INTEGER NOT NULL,
    actor INTEGER, cred INTEGER, object INTEGER, src INTEGER, net INTEGER, dev INTEGER,
    about INTEGER NOT NULL, read INTEGER, segment INTEGER NOT NULL, place INTEGER NOT NULL,
    PRIMARY KEY (log, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_object ON lines (object, wall);
CREATE INDEX IF NOT EXISTS by_actor ON lines (actor, wall);
CREATE INDEX IF NOT EXISTS by_net ON lines (net, wall);
CREATE INDEX IF NOT EXISTS by_dev ON lines (dev, wall);
CREATE INDEX IF NOT EXISTS by_cred ON lines (cred, wall);
CREATE INDEX IF NOT EXISTS by_about ON lines (wall, about) WHERE about <> 0;
CREATE INDEX IF NOT EXISTS by_read ON lines (actor, wall, read) WHERE read IS NOT NULL;
CREATE TABLE IF NOT EXISTS firsts (
    actor INTEGER NOT NULL, device INTEGER NOT NULL, token INTEGER NOT NULL, wall INTEGER NOT NULL,
    log INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (actor, device, token)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS chains (
    log INTEGER PRIMARY KEY, lines INTEGER NOT NULL, highest INTEGER NOT NULL, first INTEGER NOT NULL,
    last INTEGER NOT NULL
);";

const INSERT: &str = "INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
                      ON CONFLICT DO NOTHING";

const FIRST: &str = "INSERT INTO firsts VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE \
                     SET wall = ?4, log = ?5, seq = ?6 WHERE ?4 < wall";

const COUNT: &str = "INSERT INTO chains VALUES (?1, 1, ?2, ?3, ?3) ON CONFLICT DO UPDATE SET lines = lines + 1, \
                     highest = max(highest, ?2), first = min(first, ?3), last = max(last, ?3)";

const READS: &str = "SELECT (SELECT word FROM words WHERE id = actor), count(*), sum(read), min(wall), max(wall) \
                     FROM lines WHERE read IS NOT NULL AND wall BETWEEN ? AND ? GROUP BY actor";

const FIRSTS: &str = "SELECT logs.word, lines.seq, lines.wall, lines.segment, lines.place, actors.word, device, tokens.word \
                      FROM firsts JOIN lines USING (log, seq) \
                      JOIN words AS logs ON logs.id = firsts.log JOIN words AS actors ON actors.id = firsts.actor \
                      JOIN words AS tokens ON tokens.id = firsts.token";

const CHAINS: &str = "SELECT (SELECT word FROM words WHERE id = log) AS name, lines, highest, first, last FROM chains \
                      ORDER BY name";

/// Words whose numbers are remembered while rows are added.
const WORDS_HELD: usize = 1 << 20;
