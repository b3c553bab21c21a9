//! The attacks of the design's table on stored objects, one test for each: what the client is told, by HEAD, by
//! GET of all and by ranges, of an object in one small frame, in several, and in two parts.

use integration_tests::cipher_suite::CipherSuite;

use super::attack::{Outcome, attack, ranges, sample, serving};
use super::forgery::{Anatomy, ENVELOPE, Forgery, PART_HEADER, SOF_H, SOF_M, cut, stored_size};
use super::siege::{Loot, Siege, ask, fresh_etag};
use super::verdict;
use crate::on_both_suites;

on_both_suites! {
    flipped_bits
    frames_reordered_duplicated_dropped
    truncated_and_extended
    parts_dropped_duplicated_reordered
    parts_that_do_not_count_break_the_transfer
    pieces_of_another_object_or_version
    moved_from_another_key_bucket_or_tenant
    another_objects_header
    an_older_version_is_served_whole_or_not_at_all
    edited_envelope
    metadata_of_the_stores_own
    stripped_and_plaintext
    downgraded_suite_or_version
    lies_about_length_and_range
    the_whole_for_a_range_and_a_range_for_the_whole
    hidden_and_failing
    lies_about_the_etag
}

fn flipped_bits(suite: CipherSuite) {
    attack(suite, Outcome::Refused, |_, loot| {
        let anatomy = Anatomy::of(loot);
        let mut places = vec![0, 4, 5, 6, 7, 8, 9, 15, 16, 47];
        for frame in sample(&anatomy.frames) {
            // Nonce, text and tag.
            places.extend([frame.start, frame.start + 12, frame.end - 17, frame.end - 1]);
        }
        for part in &anatomy.parts {
            places.push(part.start + 32);
        }
        places.extend([anatomy.pad.start, anatomy.pad.end - 1]);
        places.extend([0, 7, 8, 24, 55].map(|at| anatomy.manifest.start + at));
        let trailer = [
            0, 4, 6, 7, 15, 19, 23, 31, 32, 48, 80, 112, 144, 152, 160, 172, 316, 348, 367,
        ];
        places.extend(trailer.map(|at| anatomy.trailer.start + at));
        let flip = |at| Forgery::flipped(loot, format!("bit flipped in byte {at}"), at);
        places.into_iter().map(flip).collect()
    });
}

fn frames_reordered_duplicated_dropped(suite: CipherSuite) {
    attack(suite, Outcome::Refused, |_, loot| {
        let anatomy = Anatomy::of(loot);
        let [first, second, ..] = anatomy.frames.as_slice() else {
            return Vec::new();
        };
        let (one, two) = (cut(loot, first), cut(loot, second));
        let both = first.start..second.end;
        let last = anatomy.frames.last().expect("there are two at least");
        let early_end = [one.clone(), cut(loot, last)].concat();
        vec![
            Forgery::replaced(
                loot,
                "swapped",
                both.clone(),
                &[two.clone(), one.clone()].concat(),
            ),
            Forgery::replaced(loot, "first twice", second.clone(), &one),
            Forgery::replaced(loot, "second twice", first.clone(), &two),
            Forgery::replaced(loot, "inserted", first.start..first.start, &one),
            Forgery::replaced(loot, "dropped", first.clone(), &[]),
            Forgery::replaced(loot, "last one early", first.start..last.end, &early_end),
            Forgery::replaced(loot, "last one dropped", last.clone(), &[]),
        ]
    });
}

fn truncated_and_extended(suite: CipherSuite) {
    attack(suite, Outcome::Refused, |_, loot| {
        let anatomy = Anatomy::of(loot);
        let body = &loot.stored.whole.body;
        let mut forgeries = Vec::new();
        for border in sample(&anatomy.borders()) {
            for at in [border, border + 1, border + 40] {
                let shorter = body.iter().take(at).copied().collect();
                forgeries.push(Forgery::body(loot, format!("cut at {at}"), shorter));
                forgeries.push(Forgery::broken_off(loot, anatomy.length - at));
            }
        }
        forgeries.push(Forgery::broken_off(loot, 1));
        // As long as a shorter object would be, with and without the true end.
        for plain in [0, 1, 999, 65_536, 65_537, 131_072, 200_000, 5_242_880] {
            let size = stored_size(plain);
            if plain < loot.plain.len() {
                let shorter: Vec<u8> = body.iter().take(size).copied().collect();
                forgeries.push(Forgery::body(loot, format!("as short as {plain}"), shorter));
                let end =
                    anatomy.length - (anatomy.length - anatomy.manifest.start)..anatomy.length;
                let end = cut(loot, &end);
                let kept = body.iter().take(size - end.len()).copied();
                let mended: Vec<u8> = kept.chain(end).collect();
                forgeries.push(Forgery::body(loot, format!("mended to {plain}"), mended));
            }
        }
        for more in [
            1,
            28,
            368,
            65_564,
            stored_size(loot.plain.len() + 1) - anatomy.length,
        ] {
            let longer = [body.clone(), vec![0; more]].concat();
            forgeries.push(Forgery::body(loot, format!("{more} zeros behind"), longer));
        }
        let twice = [body.clone(), cut(loot, &anatomy.trailer)].concat();
        forgeries.push(Forgery::body(loot, "trailer twice", twice));
        forgeries
    });
}

fn parts_dropped_duplicated_reordered(suite: CipherSuite) {
    attack(suite, Outcome::Refused, |_, loot| {
        let anatomy = Anatomy::of(loot);
        let [one, two] = anatomy.parts.as_slice() else {
            return Vec::new();
        };
        let (first, second) = (cut(loot, one), cut(loot, two));
        let swapped = [second.clone(), first.clone()].concat();
        vec![
            Forgery::replaced(loot, "first dropped", one.clone(), &[]),
            Forgery::replaced(loot, "last dropped", two.clone(), &[]),
            Forgery::replaced(loot, "first twice", one.end..one.end, &first),
            Forgery::replaced(loot, "last twice", two.end..two.end, &second),
            Forgery::replaced(loot, "swapped", one.start..two.end, &swapped),
        ]
    });
}

/// The parts that the manifest does not name: an earlier upload of the first one in its place, and the last one
/// alone, cut to the length of an object of its size. A read of all of it never ends cleanly.
fn parts_that_do_not_count_break_the_transfer(suite: CipherSuite) {
    let siege = Siege::begin(suite);
    let loot = siege.loot("new", "parts");
    for forgery in uncounted_parts(loot) {
        for new_etag in [false, true] {
            siege.store.obey(serving(loot, &forgery, new_etag));
            let whole = ask("GET", &loot.get, None);
            let refused = whole.status() >= 400 || !whole.is_whole();
            assert!(refused, "{}: {}", forgery.what, whole.start);
            for range in ranges(loot.plain.len()) {
                let answer = ask("GET", &loot.get, Some(&range));
                let verdict = verdict::of_get(&answer, &[loot], Some(&range));
                assert!(verdict.is_ok(), "{} {range}: {verdict:?}", forgery.what);
            }
        }
    }
}

fn pieces_of_another_object_or_version(suite: CipherSuite) {
    attack(suite, Outcome::Refused, |siege, loot| {
        let anatomy = Anatomy::of(loot);
        let mut forgeries = Vec::new();
        for origin in OTHERS {
            let other = siege.loot(origin, &loot.shape);
            let body = other.stored.whole.body.clone();
            forgeries.push(Forgery::body(
                loot,
                format!("body of another {origin}"),
                body,
            ));
            let pieces = [
                ("frame", anatomy.frames.first()),
                ("last frame", anatomy.frames.last()),
                ("part", anatomy.parts.first()),
                ("last part", anatomy.parts.last()),
                ("manifest", Some(&anatomy.manifest)),
                ("trailer", Some(&anatomy.trailer)),
            ];
            for (name, at) in pieces {
                let at = at.expect("every object has these").clone();
                let what = format!("{name} of another {origin}");
                forgeries.push(Forgery::replaced(loot, what, at.clone(), &cut(other, &at)));
            }
        }
        forgeries
    });
}

fn moved_from_another_key_bucket_or_tenant(suite: CipherSuite) {
    attack(suite, Outcome::Refused, |siege, loot| {
        let moved = |origin| {
            let other = siege.loot(origin, &loot.shape);
            Forgery::of(other, format!("moved from another {origin}"))
        };
        ["key", "bucket", "tenant"].map(moved).into()
    });
}

fn another_objects_header(suite: CipherSuite) {
    attack(suite, Outcome::Refused, |siege, loot| {
        let mut forgeries = Vec::new();
        for origin in OTHERS {
            let other = siege.loot(origin, &loot.shape);
            let envelope = format!("envelope of another {origin}");
            forgeries.push(Forgery::of(loot, envelope).under(other));
            for name in [SOF_H, SOF_M] {
                let value = other.stored.whole.header(name).expect("it is sealed");
                let what = format!("{name} of another {origin}");
                forgeries.push(Forgery::header(loot, what, name, value));
            }
            let reverse = format!("envelope on the body of another {origin}");
            forgeries.push(Forgery::of(other, reverse).under(loot));
        }
        let kinds = ["small", "large", "parts"];
        for shape in kinds.into_iter().filter(|shape| *shape != loot.shape) {
            let other = siege.loot("new", shape);
            forgeries.push(Forgery::of(loot, format!("envelope of {shape}")).under(other));
        }
        forgeries
    });
}

/// The residual risk of the design's table: the scrub finds it, not the reader. It is the older version as a
/// whole, though, and never a mixture.
fn an_older_version_is_served_whole_or_not_at_all(suite: CipherSuite) {
    attack(suite, Outcome::Either, |siege, loot| {
        let older = siege.loot("old", &loot.shape);
        vec![Forgery::of(older, "the older version")]
    });
}

fn edited_envelope(suite: CipherSuite) {
    attack(suite, Outcome::Refused, |_, loot| {
        let flip = |byte: u8| byte ^ 1;
        let header = [
            0, 4, 5, 6, 7, 8, 16, 32, 48, 60, 92, 108, 140, 147, 148, 155, 156, 160, 191,
        ];
        let header = header.map(|at| Forgery::envelope(loot, SOF_H, at, flip));
        let metadata = [0, 12, 20].map(|at| Forgery::envelope(loot, SOF_M, at, flip));
        let mut forgeries: Vec<Forgery> = header.into_iter().chain(metadata).collect();
        for (what, value) in [("empty", ""), ("short", "U09GMQ"), ("no base64", "!")] {
            forgeries.push(Forgery::header(loot, format!("{what} sof-h"), SOF_H, value));
        }
        forgeries
    });
}

fn metadata_of_the_stores_own(suite: CipherSuite) {
    attack(suite, Outcome::Exact, |_, loot| {
        [
            ("content-type", "text/html"),
            ("content-disposition", "attachment"),
            ("content-language", "tlh"),
            ("x-amz-meta-seed", "forged"),
            ("x-amz-meta-evil", "forged"),
        ]
        .map(|(name, value)| Forgery::header(loot, format!("{name}: {value}"), name, value))
        .into()
    });
}

fn stripped_and_plaintext(suite: CipherSuite) {
    attack(suite, Outcome::Refused, |_, loot| {
        let plain = || Forgery::body(loot, "plaintext", loot.plain.clone());
        let mut bare = Forgery::of(loot, "without an envelope");
        let mut plain_bare = plain();
        for name in ENVELOPE {
            bare.stored.whole.remove(name);
            plain_bare.stored.whole.remove(name);
        }
        let mut untold = Forgery::of(loot, "without its metadata");
        untold.stored.whole.remove(SOF_M);
        vec![bare, untold, plain(), plain_bare]
    });
}

fn downgraded_suite_or_version(suite: CipherSuite) {
    attack(suite, Outcome::Refused, |_, loot| {
        let anatomy = Anatomy::of(loot);
        let set = |what: &str, at: usize, byte| {
            Forgery::replaced(loot, format!("{what} {byte}"), at..at + 1, &[byte])
        };
        let mut forgeries = Vec::new();
        for version in [0, 2, 0xff] {
            forgeries.push(set("part version", 4, version));
            forgeries.push(set("trailer version", anatomy.trailer.start + 4, version));
        }
        for id in [0, suite.other().id(), 3, 0xff] {
            forgeries.push(set("part suite", 5, id));
            forgeries.push(set("trailer suite", anatomy.trailer.start + 5, id));
        }
        // One for the other, first.
        let changes: [fn(u8) -> u8; 4] = [|id| 3 - id, |_| 0, |_| 3, |_| 0xff];
        for change in changes {
            forgeries.push(Forgery::envelope(loot, SOF_H, 4, change));
        }
        forgeries.push(Forgery::envelope(loot, SOF_H, 3, |_| b'0'));
        forgeries
    });
}

fn lies_about_length_and_range(suite: CipherSuite) {
    attack(suite, Outcome::Either, |_, loot| {
        let mut forgeries: Vec<Forgery> = [-65_564_i64, -368, -28, -1, 1, 28, 65_564]
            .map(|by| {
                Forgery::lying(loot, format!("Content-Length {by:+}"), move |answer| {
                    let length = answer
                        .length()
                        .and_then(|length| i64::try_from(length).ok());
                    let told = length.unwrap_or(0) + by;
                    answer.set("content-length", &told.max(0).to_string());
                })
            })
            .into();
        forgeries.push(Forgery::lying(loot, "no Content-Length", |answer| {
            answer.remove("content-length");
        }));
        forgeries.push(Forgery::lying(loot, "no Content-Range", |answer| {
            answer.remove("content-range");
        }));
        for (from, to) in [("bytes ", "bytes 1"), ("-", "-1"), ("/", "/1"), ("/", "0/")] {
            forgeries.push(Forgery::lying(loot, format!("range {to}"), move |answer| {
                if let Some(range) = answer.header("content-range").map(str::to_owned) {
                    answer.set("content-range", &range.replacen(from, to, 1));
                }
            }));
        }
        forgeries.push(Forgery::lying(loot, "200 for 206", |answer| {
            "HTTP/1.1 200 OK".clone_into(&mut answer.start);
        }));
        forgeries
    });
}

fn the_whole_for_a_range_and_a_range_for_the_whole(suite: CipherSuite) {
    attack(suite, Outcome::Either, |_, loot| {
        let whole = loot.stored.whole.clone();
        let body = whole.body.clone();
        let ignoring = Forgery::lying(loot, "all for a range", move |answer| {
            let status = answer.start.clone();
            *answer = whole.clone();
            answer.start = status;
        });
        let half = Forgery::lying(loot, "half for all", move |answer| {
            if answer.header("content-range").is_none() {
                "HTTP/1.1 206 Partial Content".clone_into(&mut answer.start);
                let half = body.len() / 2;
                let range = format!("bytes 0-{}/{}", half - 1, body.len());
                answer.set("content-range", &range);
                answer.set_body(body.iter().take(half).copied().collect());
            }
        });
        vec![ignoring, half]
    });
}

fn hidden_and_failing(suite: CipherSuite) {
    attack(suite, Outcome::Refused, |_, loot| {
        [
            "404 Not Found",
            "403 Forbidden",
            "410 Gone",
            "500 Internal Server Error",
            "301 Moved Permanently",
            "204 No Content",
        ]
        .map(|status| {
            Forgery::lying(loot, status, move |answer| {
                answer.start = format!("HTTP/1.1 {status}");
            })
        })
        .into()
    });
}

fn lies_about_the_etag(suite: CipherSuite) {
    let changing = |loot: &Loot| {
        Forgery::lying(loot, "another with each answer", |answer| {
            answer.set("etag", &fresh_etag());
        })
    };
    attack(suite, Outcome::Exact, |_, loot| {
        let mut forgeries = vec![Forgery::of(loot, "none of it is a lie")];
        if loot.shape != "parts" {
            forgeries.push(changing(loot));
        }
        forgeries
    });
    attack(suite, Outcome::Either, |_, loot| {
        let none = Forgery::lying(loot, "none", |answer| answer.remove("etag"));
        // An object in parts is read in two requests, and refused if it seems to be replaced between them.
        vec![changing(loot), none]
    });
}

/// See the test of parts that do not count.
pub(super) fn uncounted_parts(loot: &Loot) -> Vec<Forgery> {
    let anatomy = Anatomy::of(loot);
    let [first, last] = anatomy.parts.as_slice() else {
        return Vec::new();
    };
    let earlier = loot.earlier_part.as_ref().expect("it was sent twice");
    assert_eq!(
        earlier.len(),
        first.len(),
        "the earlier upload fits exactly"
    );
    let header = earlier.get(..PART_HEADER).unwrap_or_default();
    let head = first.start..first.start + PART_HEADER;
    let end = anatomy.manifest.start + 56..anatomy.length;
    let size = loot.parts.last().copied().unwrap_or_default();
    let mut alone = cut(loot, last);
    alone.resize(stored_size(size) - end.len(), 0);
    alone.extend(cut(loot, &end));
    vec![
        Forgery::body(loot, "last part alone", alone),
        Forgery::replaced(loot, "earlier upload", first.clone(), earlier),
        Forgery::replaced(loot, "header of the earlier upload", head, header),
    ]
}

const OTHERS: [&str; 4] = ["old", "key", "bucket", "tenant"];
