//! A trail as it was written verifies; each way to spoil one is found, and named in full.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use super::*;
use crate::signed::SUPER_LOG;
use crate::signed::{Checkpoint, SigningKey};
use crate::tree::{Growing, leaf_hash, sha256, tile_path};
use crate::{AuditKey, Class, Decision, Event, Identity, Journal, Kind, Settings};

fn identity() -> Arc<Identity> {
    Arc::new(Identity::new("d", &[5; 32]))
}

fn key() -> VerifyingKey {
    identity().deployment_key().unwrap().verifying().clone()
}

/// Code, first and last `seq`.
type Found = (&'static str, Option<u64>, Option<u64>);

/// A journal with one log of 402 lines in four segments: a start, 400 accesses of two tenants in turn, where their
/// chains end, and a stop.
struct Written {
    _directory: TempDir,
    journal: PathBuf,
    log: String,
}

impl Written {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let journal = directory.path().join("journal");
        let log = write(&journal, 400).await;
        Self {
            _directory: directory,
            journal,
            log,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.journal.join(&self.log).join(name)
    }

    fn segments(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("segments")).unwrap();
        let mut segments: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        segments.sort();
        assert!(segments.len() > 3, "{segments:?}");
        segments
    }

    fn report(&self) -> Report {
        verify_trail(&self.journal, &key()).unwrap()
    }

    /// The findings as code, first and last `seq`, and the exit code.
    fn found(&self) -> (Vec<Found>, u8) {
        let report = self.report();
        let findings = report.findings.iter();
        let findings = findings
            .map(|one| (one.code.as_str(), one.first, one.last))
            .collect();
        (findings, report.exit_code())
    }

    fn edit(&self, segment: usize, edit: impl FnOnce(&mut Vec<String>)) -> u64 {
        let path = &self.segments()[segment];
        let mut lines: Vec<String> = fs::read_to_string(path)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        edit(&mut lines);
        lines.push(String::new());
        let text = lines.join("\n");
        fs::write(path, text).unwrap();
        first_of(path)
    }
}

fn first_of(path: &Path) -> u64 {
    path.file_stem().unwrap().to_str().unwrap().parse().unwrap()
}

async fn write(path: &Path, accesses: u64) -> String {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_763_750_000);
    let settings = Settings {
        segment_bytes: 60_000,
        headroom: 0,
        ..Settings::default()
    };
    let journal = Journal::open(path, identity(), settings, now).unwrap();
    journal
        .record(&Event::of_trail(Kind::Start, now), None)
        .await
        .unwrap();
    let keys = [AuditKey::new("a1", &[1; 32]), AuditKey::new("b1", &[2; 32])];
    for n in 0..accesses {
        let at = usize::from(n % 2 == 1);
        let mut event = Event::new(
            Kind::Complete,
            now,
            format!("R{n}"),
            "s3:HeadObject",
            Class::Read,
            Decision::Allow,
        );
        event.tenant = Some(["acme", "rival"][at].to_owned());
        event.key = Some(format!("object {n}"));
        journal.record(&event, Some(&keys[at])).await.unwrap();
    }
    journal
        .record(&Event::of_trail(Kind::Stop, now), None)
        .await
        .unwrap();
    journal.log().to_owned()
}

#[tokio::test]
async fn what_was_written_is_clean() {
    let trail = Written::new().await;
    let report = trail.report();
    assert_eq!(
        (report.findings.as_slice(), report.exit_code()),
        (&[][..], 0)
    );
    // Start, 400, two lines about the ends of chains (at the first access with chains to speak of, and before the
    // stop), stop.
    assert_eq!((report.logs, report.lines, report.signed), (1, 403, 403));
    let stranger = SigningKey::from_seed("sealgate/d", &[9; 32]).unwrap();
    let report = verify_trail(&trail.journal, stranger.verifying()).unwrap();
    assert_eq!(report.findings[0].code, Code::Certificate);
    assert_eq!(report.exit_code(), 3);
    assert!(verify_trail(&trail.path("tile"), &key()).is_err());
}

#[tokio::test]
async fn an_edited_byte_is_found() {
    for (from, to) in [
        ("allow", "alloW"),
        ("\"v\":2", "\"v\":3"),
        ("{", "["),
        ("\"seq\":", "\"seq\":9"),
    ] {
        let trail = Written::new().await;
        let first = trail.edit(1, |lines| lines[7] = lines[7].replacen(from, to, 1));
        let seq = Some(first + 7);
        assert_eq!(
            trail.found(),
            (vec![("line-altered", seq, seq)], 3),
            "{from}"
        );
    }
}

#[tokio::test]
async fn deleted_lines_are_found() {
    let trail = Written::new().await;
    let first = trail.edit(1, |lines| {
        lines.remove(20);
        lines.drain(5..7);
    });
    let missing = |from, to| ("lines-missing", Some(first + from), Some(first + to));
    assert_eq!(trail.found(), (vec![missing(5, 6), missing(20, 20)], 3));
}

#[tokio::test]
async fn every_deleted_segment_is_named() {
    let trail = Written::new().await;
    let segments = trail.segments();
    fs::remove_file(&segments[0]).unwrap();
    fs::remove_file(&segments[2]).unwrap();
    let missing = |from, to| ("segment-missing", Some(from), Some(to - 1));
    let expected = vec![
        missing(0, first_of(&segments[1])),
        missing(first_of(&segments[2]), first_of(&segments[3])),
    ];
    assert_eq!(trail.found(), (expected, 4));

    let trail = Written::new().await;
    let segments = trail.segments();
    fs::remove_file(&segments[1]).unwrap();
    fs::remove_file(&segments[2]).unwrap();
    let both = missing(first_of(&segments[1]), first_of(&segments[3]));
    assert_eq!(trail.found(), (vec![both], 4), "two in a row");
}

#[tokio::test]
async fn exchanged_segments_are_found() {
    let trail = Written::new().await;
    let segments = trail.segments();
    let aside = trail.path("aside");
    fs::rename(&segments[1], &aside).unwrap();
    fs::rename(&segments[2], &segments[1]).unwrap();
    fs::rename(&aside, &segments[2]).unwrap();
    let (found, code) = trail.found();
    let ends = [1, 2].map(|n| (first_of(&segments[n]), first_of(&segments[n + 1]) - 1));
    let expected = ends.map(|(from, to)| ("line-altered", Some(from), Some(to)));
    assert_eq!((found.as_slice(), code), (&expected[..], 3));
}

#[tokio::test]
async fn a_cut_tail_is_found() {
    let trail = Written::new().await;
    let last = trail.segments().len() - 1;
    trail.edit(last, |lines| lines.truncate(lines.len() - 3));
    let (found, code) = trail.found();
    assert!(
        found.contains(&("segment-missing", Some(400), Some(402))),
        "{found:?}"
    );
    assert_eq!(code, 4);
}

#[tokio::test]
async fn tiles_and_notes_are_checked() {
    let trail = Written::new().await;
    let tile = trail.path(&tile_path(0, 0, 256));
    let mut bytes = fs::read(&tile).unwrap();
    bytes[40] ^= 1;
    fs::write(&tile, &bytes).unwrap();
    let report = trail.report();
    assert_eq!(report.findings[0].code, Code::TilesAltered);
    assert_eq!(report.findings[0].what.as_deref(), Some("tile/0/000"));
    assert_eq!((report.findings.len(), report.exit_code()), (1, 3));
    fs::remove_file(&tile).unwrap();
    let report = trail.report();
    assert_eq!(report.findings[0].code, Code::TileMissing);
    assert_eq!(report.exit_code(), 4);

    for (name, code) in [
        ("certificate", Code::Certificate),
        ("checkpoint", Code::Checkpoint),
    ] {
        let trail = Written::new().await;
        let note = fs::read_to_string(trail.path(name)).unwrap();
        fs::write(
            trail.path(name),
            note.replacen("sealgate/d/local", "sealgate/d/lokal", 1),
        )
        .unwrap();
        assert_eq!(trail.report().findings[0].code, code);
        fs::remove_file(trail.path(name)).unwrap();
        let report = trail.report();
        assert_eq!(
            report.findings[0].code,
            Code::FileMissing,
            "{:?}",
            report.findings
        );
    }
}

/// One tenant's event taken out, all numbers, chains, tiles made new: all but the signature, which nobody without the
/// key can make.
#[tokio::test]
async fn a_log_computed_anew_is_found() {
    let trail = Written::new().await;
    let mut lines: Vec<String> = Vec::new();
    for segment in trail.segments() {
        lines.extend(
            fs::read_to_string(&segment)
                .unwrap()
                .lines()
                .map(str::to_owned),
        );
        fs::remove_file(segment).unwrap();
    }
    let gone = lines
        .iter()
        .position(|line| line.contains("\"tenant\":\"acme\""))
        .unwrap();
    lines.remove(gone);
    let mut chains = std::collections::HashMap::<String, (u64, String)>::new();
    let (mut tree, mut tiles, mut text) = (Growing::default(), Vec::new(), String::new());
    for (seq, line) in lines.iter().enumerate() {
        let mut line: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(line).unwrap();
        let tenant = line
            .get("tenant")
            .map(ToString::to_string)
            .unwrap_or_default();
        let (tseq, tprev) = chains.remove(&tenant).unwrap_or_default();
        line["seq"] = seq.into();
        line["tseq"] = tseq.into();
        line["tprev"] = tprev.into();
        let line = serde_json::to_string(&line).unwrap();
        let leaf = leaf_hash(line.as_bytes());
        chains.insert(tenant, (tseq + 1, STANDARD.encode(leaf)));
        tree.push(leaf, &mut tiles);
        text.push_str(&line);
        text.push('\n');
    }
    fs::write(trail.path("segments/00000000000000000000.jsonl"), text).unwrap();
    fs::remove_dir_all(trail.path("tile")).unwrap();
    for tile in tiles.into_iter().chain(tree.partial()) {
        let path = trail.path(&tile_path(tile.level, tile.index, tile.hashes.len() as u64));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, tile.hashes.concat()).unwrap();
    }
    let (found, code) = trail.found();
    let one_less = ("segment-missing", Some(402), Some(402));
    assert!(found.contains(&one_less) && code == 3, "{found:?}");

    // With a checkpoint by a key of one's own.
    let forged = SigningKey::from_seed(&identity().origin(&trail.log), &[9; 32]).unwrap();
    let checkpoint = Checkpoint {
        origin: identity().origin(&trail.log),
        size: tree.size(),
        root: tree.root(),
    };
    fs::write(trail.path("checkpoint"), checkpoint.sign(&forged)).unwrap();
    let report = trail.report();
    assert!(
        report
            .findings
            .iter()
            .any(|one| one.code == Code::Checkpoint),
        "{report:?}"
    );
    assert_eq!(report.exit_code(), 3);

    // And by one who has the deployment's key, as an operator has: the super-log remembers.
    let key = identity().log_key(&trail.log).unwrap();
    fs::write(trail.path("checkpoint"), checkpoint.sign(&key)).unwrap();
    let (found, _) = trail.found();
    assert!(
        found.iter().all(|(code, ..)| *code == "heads"),
        "only the ends of chains tell: {found:?}"
    );
    super_log(&trail.journal, &[&[(&trail.log, 50, [7; 32])]]);
    let (found, code) = trail.found();
    assert!(found.contains(&("fork", Some(50), Some(50))), "{found:?}");
    assert_eq!(code, 3);
}

/// Writes a super-log with these entries of log, size and root.
fn super_log(journal: &Path, entries: &[&[(&String, u64, crate::tree::Hash)]]) {
    let directory = journal.join("super");
    fs::create_dir_all(&directory).unwrap();
    let mut previous = "-".to_owned();
    for (number, entry) in entries.iter().enumerate() {
        let mut text = format!("{SUPER_LOG}\nsealgate/d\n{number}\n{previous}\n");
        for (log, size, root) in *entry {
            let root = STANDARD.encode(root);
            text = format!(
                "{text}{log} {size} {root}
"
            );
        }
        let note = identity().deployment_key().unwrap().sign(&text);
        previous = STANDARD.encode(sha256(note.as_bytes()));
        fs::write(directory.join(format!("{number:020}")), note).unwrap();
    }
}

#[tokio::test]
async fn a_log_that_is_gone_is_found_by_the_super_log() {
    let trail = Written::new().await;
    let mut tree = Growing::default();
    let mut entries: Vec<Vec<(&String, u64, crate::tree::Hash)>> = Vec::new();
    let other = "other-20251121T183320Z-00000000".to_owned();
    let text: String = trail
        .segments()
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    for line in text.lines() {
        if [0, 100, 300].contains(&tree.size()) {
            entries.push(vec![(&trail.log, tree.size(), tree.root())]);
        }
        tree.push(leaf_hash(line.as_bytes()), &mut Vec::new());
    }
    let all = |entries: &[Vec<_>]| {
        let entries: Vec<&[_]> = entries.iter().map(Vec::as_slice).collect();
        super_log(&trail.journal, &entries);
    };
    all(&entries);
    assert_eq!(trail.found(), (vec![], 0));
    entries.push(vec![(&other, 9, [1; 32])]);
    all(&entries);
    let report = trail.report();
    assert_eq!(
        (report.findings[0].code, report.findings[0].log.as_str()),
        (Code::LogMissing, other.as_str())
    );
    assert_eq!((report.findings.len(), report.exit_code()), (1, 4));

    fs::remove_file(trail.journal.join("super").join(format!("{:020}", 1))).unwrap();
    let (found, _) = trail.found();
    assert!(
        found.contains(&("super-log-missing", Some(1), Some(1))),
        "{found:?}"
    );
    let entry = trail.journal.join("super").join(format!("{:020}", 2));
    let note = fs::read_to_string(&entry).unwrap();
    fs::write(&entry, note.replacen(" 300 ", " 301 ", 1)).unwrap();
    let (found, code) = trail.found();
    assert!(
        found.contains(&("super-log", Some(2), Some(2))),
        "{found:?}"
    );
    assert_eq!(code, 3);
}

#[tokio::test]
async fn an_extract_shows_one_tenant_whole_and_no_other() {
    let trail = Written::new().await;
    let made = extract(&trail.journal, "acme").unwrap();
    let text = serde_json::to_string(&made).unwrap();
    assert!(!text.contains("rival"), "nothing of others");
    let report = verify_extract(&made, &key());
    assert_eq!((report.lines, report.findings.as_slice()), (200, &[][..]));

    let changed = |change: fn(&mut LogExtract)| {
        let mut made = made.clone();
        change(&mut made.logs[0]);
        let report = verify_extract(&made, &key());
        let codes: Vec<Code> = report.findings.iter().map(|one| one.code).collect();
        (codes, report.exit_code())
    };
    let edited = changed(|log| log.lines[5].line = log.lines[5].line.replace("allow", "alloW"));
    assert_eq!(edited, (vec![Code::LineAltered], 3));
    assert_eq!(
        changed(|log| drop(log.lines.remove(5))),
        (vec![Code::Chain], 3)
    );
    let cut = changed(|log| drop(log.lines.pop()));
    assert_eq!(cut, (vec![Code::LinesMissing], 3), "the last one, too");
    assert_eq!(changed(|log| log.heads = None), (vec![Code::Running], 0));
    let other = changed(|log| log.checkpoint = log.checkpoint.replace("403", "404"));
    assert_eq!(other, (vec![Code::Checkpoint], 3));
    let stranger = SigningKey::from_seed("sealgate/d", &[9; 32]).unwrap();
    let report = verify_extract(&made, stranger.verifying());
    assert_eq!(report.findings[0].code, Code::Certificate);
}

#[tokio::test]
async fn a_line_that_was_found_is_proved_alone() {
    let trail = Written::new().await;
    let whole = extract(&trail.journal, "acme").unwrap();
    // Under whole tiles and under the partial one: the tree has 403 leaves.
    let found: Vec<super::Found> = [3_usize, 100, 199]
        .iter()
        .map(|at| {
            let line = whole.logs[0].lines[*at].line.clone();
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            super::Found {
                log: trail.log.clone(),
                seq: value["seq"].as_u64().unwrap(),
                line,
            }
        })
        .collect();
    let proved = prove_lines(&trail.journal, "acme", &found).unwrap();
    let report = verify_lines(&proved, &key());
    assert_eq!((report.lines, report.exit_code()), (3, 0), "{report:?}");
    let changed = |change: fn(&mut Extract)| {
        let mut proved = proved.clone();
        change(&mut proved);
        verify_lines(&proved, &key()).exit_code()
    };
    assert_eq!(
        changed(|p| p.logs[0].lines[1].line = p.logs[0].lines[1].line.replace("allow", "alloW")),
        3
    );
    assert_eq!(
        changed(|p| p.tenant = "rival".to_owned()),
        3,
        "of the tenant that it names"
    );
    assert_eq!(changed(|p| drop(p.logs[0].lines[0].hashes.pop())), 3);
    let outside = super::Found {
        seq: 9999,
        ..found[0].clone()
    };
    assert!(prove_lines(&trail.journal, "acme", &[outside]).is_err());
}

/// The last lines ride in one write with the log's end, and who shows an extract must not leave them out unseen.
#[tokio::test]
async fn the_end_of_a_chain_is_told_to_the_last_line() {
    let directory = tempfile::tempdir().unwrap();
    let journal = directory.path().join("j");
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_763_750_000);
    let access = || {
        let id = "R".to_owned();
        let mut event = Event::new(
            Kind::Outcome,
            now,
            id,
            "s3:GetObject",
            Class::Read,
            Decision::Allow,
        );
        event.tenant = Some("acme".to_owned());
        event
    };
    let open = Journal::open(&journal, identity(), Settings::default(), now).unwrap();
    open.record(&access(), None).await.unwrap();
    open.submit(&access(), None).unwrap();
    open.submit(&access(), None).unwrap();
    let stop = Event::of_trail(Kind::Stop, now);
    open.record(&stop, None).await.unwrap();
    drop(open);
    assert_eq!(verify_trail(&journal, &key()).unwrap().exit_code(), 0);
    let whole = extract(&journal, "acme").unwrap();
    assert_eq!(verify_extract(&whole, &key()).findings, []);
    for kept in [1, 2] {
        let mut cut = whole.clone();
        cut.logs[0].lines.truncate(kept);
        let codes: Vec<Code> = verify_extract(&cut, &key())
            .findings
            .iter()
            .map(|finding| finding.code)
            .collect();
        assert_eq!(codes, [Code::LinesMissing], "{kept} of 3");
    }
}

#[tokio::test]
async fn a_batch_that_a_crash_tore_is_no_tampering() {
    let trail = Written::new().await;
    let last = trail.segments().pop().unwrap();
    let mut text = fs::read(&last).unwrap();
    let end = text.iter().rposition(|byte| *byte == b'{').unwrap();
    let line = text[end..].to_vec();
    // Its first page did not reach the disk, its second did.
    text.extend([&[0; 4096][..], b"\"x\"}\n", &line, &line].concat());
    fs::write(&last, &text).unwrap();
    assert_eq!(trail.found(), (Vec::new(), 0));
    // The same within what is signed is.
    let first = &trail.segments()[0];
    let mut text = fs::read(first).unwrap();
    text[10..20].fill(0);
    fs::write(first, &text).unwrap();
    assert_eq!(trail.found().1, 3);
}

/// printf hello | b3sum
fn statement() -> Statement {
    Statement {
        v: 1,
        salt: "c2FsdA==".to_owned(),
        tenant: "acme".to_owned(),
        bucket: "videos".to_owned(),
        key: "attestation".to_owned(),
        version: None,
        object_id: "00".to_owned(),
        size: 5,
        algorithm: "blake3".to_owned(),
        digest: "ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f".to_owned(),
        parts: Vec::new(),
        uploader: "ann".to_owned(),
        credential: "AK1".to_owned(),
        time: "2025-11-21T18:33:20.000Z".to_owned(),
    }
}

#[tokio::test]
async fn a_receipt_proves_an_upload_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_763_750_000);
    let journal = Journal::open(
        &directory.path().join("j"),
        identity(),
        Settings::default(),
        now,
    )
    .unwrap();
    let statement = statement();
    let text = serde_json::to_string(&statement).unwrap();
    let mut event = Event::new(
        Kind::Outcome,
        now,
        "R".to_owned(),
        "s3:PutObject",
        Class::Write,
        Decision::Allow,
    );
    event.tenant = Some("acme".to_owned());
    event.bucket = Some("videos".to_owned());
    event.receipt = Some(STANDARD.encode(sha256(text.as_bytes())));
    let key_of_tenant = AuditKey::new("a1", &[1; 32]);
    for _ in 0..3 {
        journal
            .record(
                &Event {
                    id: uuid::Uuid::now_v7(),
                    ..event.clone()
                },
                None,
            )
            .await
            .unwrap();
    }
    let recorded = journal
        .record_line(&event, Some(&key_of_tenant))
        .await
        .unwrap();
    let proof = journal.prove(recorded.seq).await.unwrap();
    let receipt = Receipt {
        kind: RECEIPT.to_owned(),
        statement: text,
        line: recorded.line,
        proof: proof.proof,
        certificate: proof.certificate,
    };
    let verified = verify_receipt(&receipt, &key()).unwrap();
    assert_eq!((verified.seq, &verified.statement), (3, &statement));

    let changed = |change: fn(&mut Receipt)| {
        let mut receipt = receipt.clone();
        change(&mut receipt);
        verify_receipt(&receipt, &key()).unwrap_err()
    };
    let problem = changed(|receipt| receipt.statement = receipt.statement.replace("ann", "bob"));
    assert!(matches!(problem, ReceiptProblem::Statement), "{problem:?}");
    let problem = changed(|receipt| receipt.line = receipt.line.replace("allow", "alloW"));
    assert!(matches!(problem, ReceiptProblem::Proof), "{problem:?}");
    let problem = changed(|receipt| receipt.proof = receipt.proof.replace("index 3", "index 2"));
    assert!(matches!(problem, ReceiptProblem::Proof), "{problem:?}");
    let problem =
        changed(|receipt| receipt.certificate = receipt.certificate.replace("key v1", "key v2"));
    assert!(
        matches!(problem, ReceiptProblem::NotSigned(..)),
        "{problem:?}"
    );
}

#[test]
fn a_file_is_compared_with_what_was_uploaded() {
    let statement = statement();
    statement.check(&b"hello"[..]).unwrap();
    for other in [&b"hallo"[..], b"hell", b"hello!"] {
        assert!(matches!(
            statement.check(other),
            Err(ReceiptProblem::File(_))
        ));
    }
    let parts = Statement {
        size: 5,
        parts: vec![2, 3],
        algorithm: "sha256".to_owned(),
        digest: {
            let list = [
                &2_u64.to_be_bytes()[..],
                &sha256(b"he"),
                &3_u64.to_be_bytes(),
                &sha256(b"llo"),
            ];
            hex::encode(sha256(&list.concat()))
        },
        ..statement.clone()
    };
    parts.check(&b"hello"[..]).unwrap();
    assert!(parts.check(&b"hallo"[..]).is_err());
}
