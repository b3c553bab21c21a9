//! A store that lies in its listings. Nothing authenticates them: names and sizes there are the store's word, which
//! is a residual risk of the design. What is read by any of those names is exact, or nothing is.

use std::sync::Arc;

use integration_tests::cipher_suite::CipherSuite;
use integration_tests::gateway::{Gateway, Principal};
use integration_tests::hostile::HostileStore;
use integration_tests::world::World;
use serde_json::{Value, json};

use super::forgery::stored_size;
use crate::on_both_suites;

on_both_suites! {
    lies_in_list
}

/// What the store makes of an honest listing.
type Lie = fn(String) -> String;

fn lies_in_list(suite: CipherSuite) {
    let store = HostileStore::before(World::get().seaweedfs().endpoint());
    let ours = Principal::new("demo", "demo-admin", "tenant-admin");
    let gateway = Gateway::serve_through_with(store.endpoint(), &[ours], suite.settings());
    let run = |what| {
        let account = gateway.account();
        account.run_script("siege_list.py", &["listed", what])
    };
    run("write");
    let honest = json!([["a", 10], ["b", 70_000], ["c", 1000]]);
    let all_exact = json!({"a": "exact", "b": "exact", "c": "exact"});
    let lies: [(&str, Lie, Value, Value); 8] = [
        ("none", |text| text, honest.clone(), all_exact.clone()),
        (
            "a name hidden",
            |text| without("b", &text),
            json!([["a", 10], ["c", 1000]]),
            all_exact.clone(),
        ),
        (
            "a name made up",
            |text| text.replace("<Key>b<", "<Key>ghost<"),
            json!([["a", 10], ["ghost", 70_000], ["c", 1000]]),
            json!({"a": "exact", "b": "exact", "c": "exact", "ghost": "refused"}),
        ),
        (
            "a name twice",
            |text| text.replace("<Key>c<", "<Key>b<"),
            json!([["a", 10], ["b", 70_000], ["b", 1000]]),
            all_exact.clone(),
        ),
        (
            "the size of another",
            |text| text.replace(&size(70_000), &size(10)),
            json!([["a", 10], ["b", 10], ["c", 1000]]),
            all_exact.clone(),
        ),
        // No plaintext has it, so it is shown as it is.
        (
            "a size that nothing has",
            |text| text.replace(&size(70_000), "<Size>7<"),
            json!([["a", 10], ["b", 7], ["c", 1000]]),
            all_exact.clone(),
        ),
        (
            "another ETag",
            |text| text.replace("<ETag>&#34;", "<ETag>&#34;0"),
            honest.clone(),
            all_exact.clone(),
        ),
        (
            "cut in the middle",
            |text| text.chars().take(text.len() / 2).collect(),
            Value::Null,
            all_exact,
        ),
    ];
    for (lie, change, listed, read) in lies {
        for what in ["objects", "versions"] {
            store.obey(Arc::new(move |request, real| {
                let mut answer = real();
                let target = request.target();
                let lists = target.contains("list-type=2") || target.contains("versions=");
                if request.method() == "GET" && lists {
                    let text = String::from_utf8_lossy(&answer.body).into_owned();
                    answer.set_body(change(text).into_bytes());
                }
                answer
            }));
            let told: Value = serde_json::from_str(&run(what)).expect("it prints JSON");
            assert_eq!(told["listed"], listed, "{what}, {lie}: {told}");
            assert_eq!(told["read"], read, "{what}, {lie}: {told}");
        }
    }
    store.relent();
}

fn size(plain: usize) -> String {
    format!("<Size>{}<", stored_size(plain))
}

/// The listing without the entry of this key, whichever element entries are in it.
fn without(key: &str, listing: &str) -> String {
    let mut kept = listing.to_owned();
    for element in ["Contents", "Version"] {
        let (start, end) = (format!("<{element}>"), format!("</{element}>"));
        let mut pieces = listing.split(&start);
        let Some(mut text) = pieces.next().map(str::to_owned) else {
            continue;
        };
        for piece in pieces {
            let (entry, behind) = piece.split_once(&end).expect("an element ends");
            if !entry.contains(&format!("<Key>{key}</Key>")) {
                text.extend([&start, entry, &end]);
            }
            text += behind;
        }
        if text != listing {
            kept = text;
        }
    }
    kept
}
