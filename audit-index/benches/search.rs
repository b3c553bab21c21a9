//! How long the ten questions take over a large trail. `SEALGATE_BENCH_LINES` says how many lines it has; a million unless
//! it does.

#[path = "../tests/trail/mod.rs"]
mod trail;

use std::io::Write as _;
use std::time::Instant;

use audit_index::{About, Index, Question};
use trail::{BEGIN, DAY, Made, make};

type Done<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Done<()> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a bench is told its size by its caller"
    )]
    let lines = std::env::var("SEALGATE_BENCH_LINES").ok();
    let lines: u64 = lines
        .and_then(|lines| lines.parse().ok())
        .unwrap_or(1_000_000);
    let directory = tempfile::tempdir()?;
    // Ninety days.
    let step = 90 * DAY / i64::try_from(lines).unwrap_or(1);
    let made = Made {
        lines,
        names: 1000,
        segment: 100_000,
        step,
        ..Made::default()
    };
    make(directory.path(), &made);
    let index = Index::new(directory.path(), "clinic");
    let begun = Instant::now();
    let added = index.update()?;
    let took = begun.elapsed();
    say(&format!(
        "{lines} lines, {added} of the tenant: indexed in {took:.1?}"
    ));
    let (from, to) = (BEGIN + 10 * DAY, BEGIN + 80 * DAY);
    let all = Question {
        from,
        to,
        most: 1000,
        ..Question::default()
    };
    for (name, question) in questions(&all) {
        timed(name, || Ok(index.find(&question)?.len()))?;
    }
    timed("5 first networks", || Ok(index.firsts(from, to)?.len()))?;
    timed("10 bulk reads", || {
        Ok(index.bulk(from, to, 100, u64::MAX)?.len())
    })?;
    timed("completeness", || Ok(index.completeness(from, to)?.len()))
}

/// Auditors' questions, by their numbers in docs/audit.md; the others are asked otherwise.
fn questions(all: &Question) -> [(&'static str, Question); 10] {
    let words = |word: &str| Some(vec![word.to_owned()]);
    [
        (
            "1 an object",
            Question {
                objects: words("O77"),
                ..all.clone()
            },
        ),
        (
            "2 a principal",
            Question {
                actors: words("A7"),
                ..all.clone()
            },
        ),
        (
            "3 a network",
            Question {
                networks: words("N7"),
                ..all.clone()
            },
        ),
        (
            "4 denials",
            Question {
                about: Some(About::Denials),
                ..all.clone()
            },
        ),
        (
            "6 a credential",
            Question {
                credential: Some("K1".to_owned()),
                ..all.clone()
            },
        ),
        (
            "7 emergencies",
            Question {
                about: Some(About::Emergencies),
                ..all.clone()
            },
        ),
        (
            "8 keys",
            Question {
                about: Some(About::Keys),
                ..all.clone()
            },
        ),
        (
            "8 policies",
            Question {
                about: Some(About::Policies),
                ..all.clone()
            },
        ),
        (
            "9 deletions",
            Question {
                about: Some(About::Deletions),
                ..all.clone()
            },
        ),
        (
            "  searches",
            Question {
                about: Some(About::Searches),
                ..all.clone()
            },
        ),
    ]
}

fn timed(name: &str, ask: impl Fn() -> Done<usize>) -> Done<()> {
    let begun = Instant::now();
    let count = ask()?;
    say(&format!(
        "{name:18} {:8.1?}, {count} answers",
        begun.elapsed()
    ));
    Ok(())
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
