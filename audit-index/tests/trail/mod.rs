//! Made-up trails: lines of the form of docs/audit.md in segments, with a checkpoint that says how many there are. Nothing in
//! them is signed, which an index does not look at.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the tests and the bench use different parts, and the bench is no test to clippy"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What is made.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) seed: u64,
    pub(crate) logs: u64,
    /// In each log.
    pub(crate) lines: u64,
    /// Principals; objects are a hundred times as many.
    pub(crate) names: u64,
    /// Lines of one segment.
    pub(crate) segment: u64,
    /// Milliseconds between lines.
    pub(crate) step: i64,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            seed: 1,
            logs: 1,
            lines: 100,
            names: 5,
            segment: 250,
            step: 6 * 3600 * 1000,
        }
    }
}

/// 2026-01-01T00:00:00Z, in milliseconds.
pub(crate) const BEGIN: i64 = 1_767_225_600_000;
pub(crate) const DAY: i64 = 86_400_000;

/// The time of a line, in milliseconds.
pub(crate) fn millis(wall: &str) -> i64 {
    let time = OffsetDateTime::parse(wall, &Rfc3339).unwrap();
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap()
}

/// Writes the logs; the first lines of a longer one are those of a shorter one.
pub(crate) fn make(journal: &Path, made: &Made) {
    for log in 0..made.logs {
        let name = format!("r-{log}");
        let segments = journal.join(&name).join("segments");
        fs::create_dir_all(&segments).unwrap();
        let mut random = Random(
            made.seed
                .wrapping_add(log)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                | 1,
        );
        let mut chains = BTreeMap::new();
        let mut file = None;
        for seq in 0..made.lines {
            if seq % made.segment == 0 {
                let path = segments.join(format!("{seq:020}.jsonl"));
                file = Some(BufWriter::new(File::create(path).unwrap()));
            }
            let line = line(&name, seq, made, &mut random, &mut chains);
            writeln!(file.as_mut().unwrap(), "{line}").unwrap();
        }
        drop(file);
        let note = format!("origin\n{}\nroot\n\n\u{2014} name sig\n", made.lines);
        fs::write(journal.join(&name).join("checkpoint"), note).unwrap();
    }
}

/// All lines of a tenant.
pub(crate) fn lines_of(journal: &Path, tenant: &str) -> Vec<Value> {
    let mut lines = Vec::new();
    for log in fs::read_dir(journal).unwrap() {
        let segments = log.unwrap().path().join("segments");
        for segment in fs::read_dir(segments).into_iter().flatten() {
            let text = fs::read_to_string(segment.unwrap().path()).unwrap();
            let all = text
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap());
            lines.extend(all.filter(|line| line["tenant"].as_str().unwrap_or_default() == tenant));
        }
    }
    lines
}

/// xorshift: the same seed makes the same trail everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

const OPERATIONS: [(&str, &str, &str); 10] = [
    ("outcome", "s3:GetObject", "read"),
    ("outcome", "s3:GetObject", "read"),
    ("complete", "s3:ListObjectsV2", "read"),
    ("intent", "s3:PutObject", "write"),
    ("outcome", "s3:PutObject", "write"),
    ("outcome", "s3:DeleteObject", "delete"),
    ("outcome", "s3:PutBucketPolicy", "admin"),
    ("outcome", "admin:RotateKey", "admin"),
    ("outcome", "admin:SetUser", "admin"),
    ("audit.search", "admin:SearchAudit", "read"),
];

fn line(
    log: &str,
    seq: u64,
    made: &Made,
    random: &mut Random,
    chains: &mut BTreeMap<String, u64>,
) -> String {
    let jitter = i64::try_from(random.below(3_600_000)).unwrap();
    let wall = BEGIN + i64::try_from(seq).unwrap() * made.step + jitter;
    let wall = OffsetDateTime::from_unix_timestamp_nanos(i128::from(wall) * 1_000_000).unwrap();
    let wall = wall.format(&Rfc3339).unwrap();
    let tenant = match random.below(20) {
        0 => "",
        1 | 2 => "rival",
        _ => "clinic",
    };
    let tseq = chains.entry(tenant.to_owned()).or_default();
    let mut text = format!(
        r#"{{"v":2,"log":"{log}","seq":{seq},"hlc":"0","tseq":{tseq},"tprev":"","id":"{log}-{seq}","wall":"{wall}","req":"R{seq}","#
    );
    *tseq += 1;
    // Reads and writes are most of what happens.
    let among = if random.below(10) == 0 { 10 } else { 5 };
    let at = usize::try_from(random.below(among)).unwrap();
    let (mut kind, op, class) = OPERATIONS[at];
    if tenant.is_empty() {
        kind = "audit.gap";
    } else {
        let _ = write!(text, r#""tenant":"{tenant}","#);
        if random.below(50) == 0 {
            kind = "reconcile";
        }
    }
    let denied = random.below(25) == 0;
    let (decision, status) = if denied {
        ("deny", 403)
    } else {
        ("allow", 200)
    };
    let _ = write!(
        text,
        r#""kind":"{kind}","op":"{op}","class":"{class}","decision":"{decision}","policies":["role"],"status":{status}"#
    );
    let actor = random.below(made.names);
    if random.below(12) > 0 {
        let _ = write!(
            text,
            r#","actor":{{"tok":"A{actor}"}},"cred":"K{}""#,
            actor % 4
        );
    }
    if random.below(12) > 0 {
        // Everybody has a few places, and rarely another.
        let net = if random.below(1000) == 0 {
            random.below(made.names * 3)
        } else {
            actor + random.below(3)
        };
        let _ = write!(
            text,
            r#","src":{{"tok":"S{}","net_tok":"N{net}","dev_tok":"D{}"}}"#,
            net * 7 % 11,
            net * 5 % 4
        );
    }
    if op.ends_with("Object") {
        let object =
            random.below(made.names * 100) % (made.names * if made.names > 9 { 100 } else { 1 });
        let _ = write!(
            text,
            r#","bucket":"b","obj":{{"tok":"O{object}"}},"bytes_out":{}"#,
            object * 10
        );
    }
    if random.below(200) == 0 {
        text += r#","detail":{"emergency":"E1"}"#;
    }
    text + r#","akey":"a1","sealed":{"obj.key":"c2VhbGVkIG5hbWUgb2YgYW4gb2JqZWN0IGFuZCBpdHMgdGFn","ua":"c2VhbGVkIHVzZXIgYWdlbnQgd2l0aCB0YWc="}}"#
}
