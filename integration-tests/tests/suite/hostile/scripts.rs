//! Random distortions, several at once: a property over seeded scripts, so that what no attack of the table names
//! is tried too. A failure names the seed of its script.

use integration_tests::cipher_suite::CipherSuite;

use super::attack::serving;
use super::forgery::{Anatomy, FRAME, Forgery, SOF_H, SOF_M, cut};
use super::siege::{Loot, Siege, ask};
use super::verdict::{self, Verdict};
use crate::on_both_suites;

on_both_suites! {
    exact_plaintext_or_an_error_under_random_scripts
}

fn exact_plaintext_or_an_error_under_random_scripts(suite: CipherSuite) {
    let siege = Siege::begin(suite);
    let (mut exact, mut refused, mut broken) = (0, 0, Vec::new());
    for seed in 1..=SCRIPTS {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let shape = dice.of(&["small", "large", "large", "parts"]);
        let loot = siege.loot("new", shape);
        let older = siege.loot("old", shape);
        let mut forgery = Forgery::of(loot, format!("script {seed} on {shape}:"));
        for _ in 0..dice.below(4) {
            forgery = distorted(forgery, &siege, loot, &mut dice);
        }
        siege
            .store
            .obey(serving(loot, &forgery, dice.below(2) == 0));
        let range = range(loot.plain.len(), &mut dice);
        for range in [None, Some(range.as_str())] {
            let answer = ask("GET", &loot.get, range);
            match verdict::of_get(&answer, &[loot, older], range) {
                Ok(Verdict::Exact) => exact += 1,
                Ok(Verdict::Refused) => refused += 1,
                Err(why) => broken.push(format!("{} GET {range:?}: {why}", forgery.what)),
            }
        }
        let head = ask("HEAD", &loot.head, None);
        if let Err(why) = verdict::of_head(&head, &[loot, older]) {
            broken.push(format!("{} HEAD: {why}", forgery.what));
        }
    }
    siege.store.relent();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    // Scripts that never hit anything, or nothing else, would prove nothing.
    assert!(
        exact > 20 && refused > 100,
        "{exact} exact, {refused} refused"
    );
}

/// One more distortion, of the body three times out of four.
fn distorted(forgery: Forgery, siege: &Siege, loot: &Loot, dice: &mut Dice) -> Forgery {
    let mut forged = match dice.below(4) {
        0 => return of_the_envelope(forgery, siege, loot, dice),
        _ => forgery,
    };
    let body = &mut forged.stored.whole.body;
    let length = body.len();
    let at = dice.below(length.max(1)).min(length);
    let end = at.saturating_add(dice.below(2 * FRAME)).min(length);
    let what = match dice.below(7) {
        0 => {
            if let Some(byte) = body.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
            "flip"
        }
        1 => {
            body.truncate(at);
            "cut"
        }
        2 => {
            body.drain(at..end);
            "drop"
        }
        3 => {
            let piece: Vec<u8> = body.drain(at..end).collect();
            let to = dice.below(body.len().max(1)).min(body.len());
            body.splice(to..to, piece);
            "move"
        }
        4 => {
            let piece = vec![0; dice.below(1000)];
            body.splice(at..at, piece);
            "insert"
        }
        5 => {
            let frames = Anatomy::of(loot).frames;
            let (from, to) = (dice.of(&frames), dice.of(&frames));
            if to.end <= length {
                body.splice(to, cut(loot, &from));
            }
            "frame over frame"
        }
        _ => {
            let other = another(siege, loot, dice);
            let end = end.min(other.stored.whole.body.len());
            if at < end {
                body.splice(at..end, cut(other, &(at..end)));
            }
            "piece of another"
        }
    };
    forged.what = format!("{} {what} {at}..{end};", forged.what);
    forged
}

fn of_the_envelope(mut forged: Forgery, siege: &Siege, loot: &Loot, dice: &mut Dice) -> Forgery {
    let other = another(siege, loot, dice);
    let name = dice.of(&[SOF_H, SOF_M]);
    let what = match dice.below(4) {
        0 => {
            forged.stored.whole.remove(name);
            "removed"
        }
        1 => {
            let value = other.stored.whole.header(name).unwrap_or_default();
            forged.stored.whole.set(name, value);
            "of another"
        }
        2 => {
            let what = std::mem::take(&mut forged.what);
            forged = forged.under(other);
            forged.what = what;
            "and all of another"
        }
        _ => {
            let mut value: Vec<char> = loot
                .stored
                .whole
                .header(name)
                .unwrap_or_default()
                .chars()
                .collect();
            let at = dice.below(value.len());
            if let Some(letter) = value.get_mut(at) {
                *letter = if *letter == 'A' { 'B' } else { 'A' };
            }
            forged.stored.whole.set(name, &String::from_iter(value));
            "edited"
        }
    };
    forged.what = format!("{} {name} {what};", forged.what);
    forged
}

fn another<'a>(siege: &'a Siege, loot: &Loot, dice: &mut Dice) -> &'a Loot {
    siege.loot(dice.of(&["old", "key", "bucket", "tenant"]), &loot.shape)
}

fn range(size: usize, dice: &mut Dice) -> String {
    let first = dice.below(size);
    match dice.below(3) {
        0 => format!("bytes={first}-"),
        1 => format!("bytes=-{}", first + 1),
        _ => format!("bytes={first}-{}", first + dice.below(size - first)),
    }
}

/// A small generator of numbers (xorshift64*), so that a script is the same in every run.
struct Dice(u64);

impl Dice {
    /// A number below `limit`, which is at least 1.
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap_or(0) % limit.max(1)
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        let index = self.below(all.len());
        all.get(index)
            .expect("there is something to choose")
            .clone()
    }
}

const SCRIPTS: u64 = 200;
