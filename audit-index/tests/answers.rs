//! The index answers what reading every line answers, and the same after it was made again.

mod trail;

use std::collections::BTreeSet;
use std::fs;

use audit_index::{About, Bulk, First, Hit, Index, Novelty, Question};
use proptest::prelude::*;
use serde_json::Value;
use trail::{Made, lines_of, make};

const TENANT: &str = "clinic";

fn question() -> impl Strategy<Value = Question> {
    let token = |kind: &'static str| {
        let words = prop::collection::vec(0_u8..5, 1..3);
        prop::option::weighted(
            0.4,
            words.prop_map(move |numbers| {
                numbers
                    .iter()
                    .map(|number| format!("{kind}{number}"))
                    .collect::<Vec<_>>()
            }),
        )
    };
    let about = prop::option::weighted(0.4, prop::sample::select(About::ALL.to_vec()));
    let cred = prop::option::weighted(0.2, (0_u8..4).prop_map(|number| format!("K{number}")));
    let times = (0_i64..100, 0_i64..100);
    (
        times,
        token("A"),
        token("O"),
        token("S"),
        token("N"),
        token("D"),
        cred,
        about,
    )
        .prop_map(
            |((a, b), actors, objects, addresses, networks, devices, credential, about)| Question {
                from: trail::BEGIN + a.min(b) * trail::DAY,
                to: trail::BEGIN + a.max(b) * trail::DAY,
                actors,
                objects,
                addresses,
                networks,
                devices,
                credential,
                about,
                most: usize::MAX,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn it_answers_what_reading_every_line_answers(
        seed in any::<u64>(),
        questions in prop::collection::vec(question(), 12),
    ) {
        let directory = tempfile::tempdir().unwrap();
        make(directory.path(), &Made { seed, logs: 3, lines: 400, ..Made::default() });
        let index = Index::new(directory.path(), TENANT);
        let added = index.update().unwrap();
        let lines = lines_of(directory.path(), TENANT);
        prop_assert_eq!(added, u64::try_from(lines.len()).unwrap());
        for question in &questions {
            let found: BTreeSet<_> = index.find(question).unwrap().iter().map(place).collect();
            let read: BTreeSet<_> = lines
                .iter()
                .filter(|line| answers(line, question))
                .map(|line| (text(line, "/log"), line["seq"].as_u64().unwrap()))
                .collect();
            prop_assert_eq!(found, read, "{:?}", question);
            let (from, to) = (question.from, question.to);
            prop_assert_eq!(index.bulk(from, to, 3, u64::MAX).unwrap(), bulk(&lines, from, to, 3));
            let firsts = index.firsts(from, to).unwrap();
            prop_assert_eq!(pairs(&firsts), pairs_read(&lines, from, to));
        }
    }
}

#[test]
fn made_again_it_answers_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let made = Made {
        seed: 7,
        logs: 2,
        lines: 3000,
        ..Made::default()
    };
    make(
        directory.path(),
        &Made {
            lines: 1000,
            ..made.clone()
        },
    );
    let index = Index::new(directory.path(), TENANT);
    // Once in steps, as the trail grows, and once at once.
    index.update().unwrap();
    make(directory.path(), &made);
    index.update().unwrap();
    assert_eq!(
        index.update().unwrap(),
        0,
        "what was taken in is not taken in again"
    );
    let answers = |index: &Index| {
        let mut all = Vec::new();
        for about in About::ALL.map(Some).into_iter().chain([None]) {
            let question = Question {
                about,
                from: i64::MIN,
                to: i64::MAX,
                most: 100_000,
                ..Question::default()
            };
            all.push(index.find(&question).unwrap());
        }
        let bulk = index.bulk(i64::MIN, i64::MAX, 1, 1).unwrap();
        let firsts = index.firsts(i64::MIN, i64::MAX).unwrap();
        (
            all,
            bulk,
            firsts,
            index.completeness(i64::MIN, i64::MAX).unwrap(),
        )
    };
    let before = answers(&index);
    assert!(
        before.0.iter().all(|hits| !hits.is_empty()),
        "each question has answers"
    );
    index.forget().unwrap();
    index.update().unwrap();
    assert_eq!(answers(&index), before);
}

#[test]
fn a_hit_leads_to_its_line_and_to_no_other() {
    let directory = tempfile::tempdir().unwrap();
    make(
        directory.path(),
        &Made {
            seed: 1,
            logs: 1,
            lines: 500,
            ..Made::default()
        },
    );
    let index = Index::new(directory.path(), TENANT);
    index.update().unwrap();
    let question = Question {
        from: i64::MIN,
        to: i64::MAX,
        most: 10,
        ..Question::default()
    };
    let hits = index.find(&question).unwrap();
    assert_eq!(hits.len(), 10, "no more than was asked for");
    for hit in &hits {
        let line: Value = serde_json::from_str(&index.line(hit).unwrap()).unwrap();
        assert_eq!(line["seq"], hit.seq);
        assert_eq!(line["tenant"], TENANT);
    }
    let segment = format!("{}/segments/{:020}.jsonl", hits[0].log, hits[0].segment);
    let path = directory.path().join(segment);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!(" {text}")).unwrap();
    assert!(
        index.line(hits.last().unwrap()).is_err(),
        "an index that is behind says so"
    );
}

#[test]
fn what_is_missing_is_told() {
    let directory = tempfile::tempdir().unwrap();
    make(
        directory.path(),
        &Made {
            seed: 1,
            logs: 2,
            lines: 2000,
            ..Made::default()
        },
    );
    let index = Index::new(directory.path(), TENANT);
    index.update().unwrap();
    let whole = index.completeness(i64::MIN, i64::MAX).unwrap();
    assert!(whole.len() == 2 && whole.iter().all(audit_index::OfLog::is_complete));
    index.forget().unwrap();
    // A segment in the middle is lost.
    let segments = directory.path().join(&whole[0].log).join("segments");
    let mut paths: Vec<_> = fs::read_dir(segments)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() > 3);
    fs::remove_file(&paths[1]).unwrap();
    index.update().unwrap();
    let left = index.completeness(i64::MIN, i64::MAX).unwrap();
    assert!(!left[0].is_complete() && left[1].is_complete(), "{left:?}");
    assert_eq!(left[0].numbered, whole[0].numbered);
}

#[test]
fn another_tenants_lines_are_not_in_it() {
    let directory = tempfile::tempdir().unwrap();
    make(
        directory.path(),
        &Made {
            seed: 5,
            logs: 1,
            lines: 300,
            ..Made::default()
        },
    );
    let question = Question {
        from: i64::MIN,
        to: i64::MAX,
        most: 1000,
        ..Question::default()
    };
    for tenant in [TENANT, "rival", ""] {
        let index = Index::new(directory.path(), tenant);
        index.update().unwrap();
        let hits = index.find(&question).unwrap();
        assert!(!hits.is_empty());
        for hit in hits {
            let line: Value = serde_json::from_str(&index.line(&hit).unwrap()).unwrap();
            assert_eq!(line["tenant"].as_str().unwrap_or_default(), tenant);
        }
    }
}

fn place(hit: &Hit) -> (String, u64) {
    (hit.log.clone(), hit.seq)
}

fn text(line: &Value, at: &str) -> String {
    line.pointer(at)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// What the question says, said once more without SQL and without the index's own reading of lines.
fn answers(line: &Value, question: &Question) -> bool {
    let wall = trail::millis(&text(line, "/wall"));
    let one_of = |at: &str, words: &Option<Vec<String>>| {
        words
            .as_ref()
            .is_none_or(|words| words.contains(&text(line, at)))
    };
    (question.from..=question.to).contains(&wall)
        && one_of("/actor/tok", &question.actors)
        && one_of("/obj/tok", &question.objects)
        && one_of("/src/tok", &question.addresses)
        && one_of("/src/net_tok", &question.networks)
        && one_of("/src/dev_tok", &question.devices)
        && question
            .credential
            .as_ref()
            .is_none_or(|cred| text(line, "/cred") == *cred)
        && question.about.is_none_or(|about| match about {
            About::Denials => line["decision"] == "deny",
            About::Emergencies => {
                line.pointer("/detail/emergency")
                    .is_some_and(Value::is_string)
                    || line
                        .get("op")
                        .is_some_and(|op| op == "admin:DeclareEmergency")
            }
            About::Keys => line["op"] == "admin:RotateKey",
            About::Policies => line["op"] == "s3:PutBucketPolicy" || line["op"] == "admin:SetUser",
            About::Deletions => line["class"] == "delete",
            About::Searches => line["kind"] == "audit.search" || line["op"] == "admin:SearchAudit",
            About::Trail => ["audit.gap", "reconcile"].contains(&text(line, "/kind").as_str()),
        })
}

fn bulk(lines: &[Value], from: i64, to: i64, least: u64) -> Vec<Bulk> {
    let mut found: Vec<Bulk> = Vec::new();
    for line in lines {
        let wall = trail::millis(&text(line, "/wall"));
        let ends = ["outcome", "complete"].contains(&text(line, "/kind").as_str());
        let good = line["status"].as_u64().is_some_and(|status| status < 300);
        if !(ends && good && line["class"] == "read" && (from..=to).contains(&wall)) {
            continue;
        }
        let (actor, bytes) = (
            text(line, "/actor/tok"),
            line["bytes_out"].as_u64().unwrap_or(0),
        );
        if let Some(one) = found.iter_mut().find(|one| one.actor == actor) {
            (one.reads, one.bytes) = (one.reads + 1, one.bytes + bytes);
            (one.first, one.last) = (one.first.min(wall), one.last.max(wall));
        } else {
            found.push(Bulk {
                actor,
                reads: 1,
                bytes,
                first: wall,
                last: wall,
            });
        }
    }
    found.retain(|one| one.reads >= least);
    found.sort_by(|a, b| b.reads.cmp(&a.reads).then_with(|| a.actor.cmp(&b.actor)));
    found
}

type Pairs = BTreeSet<(String, Novelty, String, i64)>;

fn pairs(firsts: &[First]) -> Pairs {
    let pair = |first: &First| {
        let (actor, token) = (first.actor.clone(), first.token.clone());
        (actor, first.what, token, first.hit.wall)
    };
    firsts.iter().map(pair).collect()
}

fn pairs_read(lines: &[Value], from: i64, to: i64) -> Pairs {
    let mut earliest = std::collections::BTreeMap::new();
    for line in lines {
        for (what, at) in [
            (Novelty::Network, "/src/net_tok"),
            (Novelty::Device, "/src/dev_tok"),
        ] {
            let (actor, token) = (text(line, "/actor/tok"), text(line, at));
            if actor.is_empty() || token.is_empty() {
                continue;
            }
            let wall = trail::millis(&text(line, "/wall"));
            let known = earliest.entry((actor, what, token)).or_insert(wall);
            *known = wall.min(*known);
        }
    }
    let within = |wall: &i64| (from..=to).contains(wall);
    let all = earliest.into_iter().filter(|(_, wall)| within(wall));
    all.map(|((actor, what, token), wall)| (actor, what, token, wall))
        .collect()
}
