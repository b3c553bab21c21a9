//! Trying a forgery: the store shows it in place of an object, and every way of reading it is judged. It knows no
//! attack.

use std::sync::Arc;

use integration_tests::cipher_suite::CipherSuite;
use integration_tests::hostile::{Message, Rule};

use super::forgery::Forgery;
use super::siege::{Loot, Siege, ask, fresh_etag};
use super::verdict::{self, Verdict};

/// What a GET of all of a forged object must come to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Refused,
    Exact,
    Either,
}

/// Makes each forgery of each shape, serves it in place of the object, and judges every way of reading it: with
/// the ETag that the gateway knows, whose layout it remembers, and with a new one.
pub(super) fn attack(
    suite: CipherSuite,
    outcome: Outcome,
    forge: impl Fn(&Siege, &Loot) -> Vec<Forgery>,
) {
    let siege = Siege::begin(suite);
    let (mut tried, mut broken) = (0, Vec::new());
    for shape in ["small", "large", "parts"] {
        let loot = siege.loot("new", shape);
        let older = siege.loot("old", shape);
        for forgery in forge(&siege, loot) {
            for new_etag in [false, true] {
                siege.store.relent();
                // The gateway learns the layout again, under the true ETag.
                let honest = ask("GET", &loot.get, Some("bytes=-10"));
                assert_eq!(
                    verdict::of_get(&honest, &[loot], Some("bytes=-10")),
                    Ok(Verdict::Exact)
                );
                siege.store.obey(serving(loot, &forgery, new_etag));
                tried += 1;
                for wrong in readings(loot, older, outcome) {
                    broken.push(format!(
                        "{shape}, {}, new ETag {new_etag}: {wrong}",
                        forgery.what
                    ));
                }
            }
        }
    }
    siege.store.relent();
    assert!(tried > 0, "no forgery was tried");
    assert!(
        broken.is_empty(),
        "{} of {tried} forgeries:\n{}",
        broken.len(),
        broken.join("\n")
    );
}

/// Everything that was told wrongly.
fn readings(loot: &Loot, older: &Loot, outcome: Outcome) -> Vec<String> {
    let allowed: &[&Loot] = match outcome {
        Outcome::Either => &[loot, older],
        Outcome::Refused | Outcome::Exact => &[loot],
    };
    let whole = ask("GET", &loot.get, None);
    let mut wrong = Vec::new();
    match verdict::of_get(&whole, allowed, None) {
        Err(why) => wrong.push(format!("GET: {why}")),
        Ok(Verdict::Exact) if outcome == Outcome::Refused => {
            wrong.push("GET: it was not noticed".to_owned());
        }
        Ok(Verdict::Refused) if outcome == Outcome::Exact => {
            wrong.push(format!("GET: refused without need, {}", whole.start));
        }
        Ok(_) => {}
    }
    for range in ranges(loot.plain.len()) {
        let answer = ask("GET", &loot.get, Some(&range));
        if let Err(why) = verdict::of_get(&answer, allowed, Some(&range)) {
            wrong.push(format!("GET {range}: {why}"));
        }
    }
    // A HEAD sees no body, so an older header there is an older version.
    let versions = [loot, older];
    if let Err(why) = verdict::of_head(&ask("HEAD", &loot.head, None), &versions) {
        wrong.push(format!("HEAD: {why}"));
    }
    wrong
}

/// In the first frame, across frames, across parts, open-ended, and the end.
pub(super) fn ranges(size: usize) -> Vec<String> {
    let inside = [
        (0, 99),
        (65_500, 65_600),
        (131_000, 199_000),
        (5_242_870, 5_242_890),
    ];
    let inside = inside.into_iter().filter(|(_, last)| *last < size);
    let mut ranges: Vec<String> = inside
        .map(|(first, last)| format!("bytes={first}-{last}"))
        .collect();
    ranges.push(format!("bytes={}-", size - size / 100));
    ranges.push("bytes=-50".to_owned());
    ranges
}

/// The rule by which the store shows a forgery in place of an object.
pub(super) fn serving(loot: &Loot, forgery: &Forgery, new_etag: bool) -> Rule {
    let (path, mut forgery) = (loot.path.clone(), forgery.clone());
    let etag = match loot.stored.whole.header("etag") {
        Some(etag) if !new_etag => etag.to_owned(),
        _ => fresh_etag(),
    };
    forgery.stored.whole.set("etag", &etag);
    Arc::new(move |request: &Message, real: &dyn Fn() -> Message| {
        if request.path() != path || !["GET", "HEAD"].contains(&request.method()) {
            return real();
        }
        let mut answer = forgery.stored.serve(request);
        if let Some(lie) = &forgery.lie {
            lie(&mut answer);
        }
        answer
    })
}

/// The first, the second, one in the middle and the last few.
pub(super) fn sample<T: Clone>(all: &[T]) -> Vec<T> {
    let chosen = |index: &usize| {
        *index < 2 || *index == all.len() / 2 || index.saturating_add(5) >= all.len()
    };
    let numbered = all.iter().enumerate();
    numbered
        .filter(|(index, _)| chosen(index))
        .map(|(_, one)| one.clone())
        .collect()
}
