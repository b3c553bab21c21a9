//! Who is told what of an integrity failure: the client one thing whatever failed, the trail, the log and the
//! metrics the layer that did.

use integration_tests::cipher_suite::CipherSuite;
use integration_tests::hostile::Message;

use super::attack::serving;
use super::forgery::{Anatomy, Forgery, SOF_H};
use super::siege::{Loot, Siege, ask};
use crate::on_both_suites;

on_both_suites! {
    the_layer_is_told_to_operators_only
}

fn the_layer_is_told_to_operators_only(suite: CipherSuite) {
    let siege = Siege::begin(suite);
    let loot = siege.loot("new", "small");
    let mut messages = Vec::new();
    for (class, forgery) in failures(loot) {
        let counted = count(&siege, class);
        siege.store.obey(serving(loot, &forgery, true));
        let answer = ask("GET", &loot.get, None);
        siege.store.relent();
        assert_eq!(count(&siege, class), counted + 1, "{class} is counted");

        let id = answer.header("x-amz-request-id").expect("it has an id");
        let log = siege.gateway().process().log();
        let mut lines = log.lines().filter(|line| line.contains(id));
        let line = lines.next().unwrap_or_default();
        assert!(
            line.contains("integrity failure") && line.contains(&format!("class=\"{class}\"")),
            "{class} is in the log: {line}"
        );
        assert_eq!(lines.next(), None, "{class} is one line of the log");
        let journal = siege.gateway().journal();
        let on_record = journal.iter().rev().find(|event| event["req"] == id);
        assert_eq!(
            on_record.map(|event| &event["err"]),
            Some(&class.into()),
            "{class} is on record"
        );
        messages.push((class, message(&answer)));
    }
    let first = messages.first().cloned().expect("something failed");
    for (class, message) in messages {
        assert_eq!(message, first.1, "{class} is told like {}", first.0);
        assert!(!message.contains("E_"), "{message}");
    }
}

/// A failure of each class that a store can cause without keys.
fn failures(loot: &Loot) -> Vec<(&'static str, Forgery)> {
    let anatomy = Anatomy::of(loot);
    let flip = |at: usize| Forgery::flipped(loot, format!("byte {at}"), at);
    let mut shorter = loot.stored.whole.body.clone();
    shorter.pop();
    vec![
        (
            "E_NOT_SEALED",
            Forgery::header(loot, "no header", SOF_H, "none"),
        ),
        ("E_SUITE", Forgery::envelope(loot, SOF_H, 4, |_| 3)),
        (
            "E_CONTEXT",
            Forgery::envelope(loot, SOF_H, 160, |byte| byte ^ 1),
        ),
        ("E_SIZE", Forgery::body(loot, "shorter", shorter)),
        ("E_PART", flip(0)),
        ("E_FRAME", flip(48)),
        ("E_PAD", flip(anatomy.pad.start)),
        ("E_TRAILER", flip(anatomy.trailer.start + 316)),
        ("E_COMMIT", flip(anatomy.trailer.start + 48)),
    ]
}

fn count(siege: &Siege, class: &str) -> u64 {
    let name = format!("sealgate_integrity_failures_total{{class=\"{class}\"}}");
    siege
        .gateway()
        .sample(&name)
        .expect("every class is counted")
}

/// What the error document says, whatever its code.
fn message(answer: &Message) -> String {
    assert!([409, 422].contains(&answer.status()), "{}", answer.start);
    let text = String::from_utf8_lossy(&answer.body);
    let told = text.split_once("<Message>").map(|(_, rest)| rest);
    let told = told.and_then(|rest| rest.split_once("</Message>"));
    told.expect("it is an error document").0.to_owned()
}
