//! What a decision costs, the building of its context included: `cargo bench --package policies --bench decisions`.
//!
//! Percentiles of single decisions, and the ratio to a tenant that has the shipped policies only. The target is a
//! p99 of 300 µs at 100 policies.

use std::io::Write as _;
use std::time::{Duration, Instant, SystemTime};

use policies::{Action, Context, Layers, PolicySet, Principal, Request, Resource, Source, decide};

const ROUNDS: usize = 20_000;

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "own policies  kind            p50 µs   p99 µs   ratio")?;
    let mut base = None;
    for (count, kind) in [
        (0, "shipped only"),
        (11, "every action"),
        (100, "every action"),
        (1000, "every action"),
        (1000, "one bucket each"),
    ] {
        let set = policies(count, kind == "one bucket each");
        let (p50, p99) = measure(&set);
        let base = *base.get_or_insert(p50);
        writeln!(
            out,
            "{count:>12}  {kind:<15} {:>7.1} {:>8.1} {:>7.1}",
            p50 * 1e6,
            p99 * 1e6,
            p50 / base
        )?;
    }
    Ok(())
}

/// A tenant's policies: permits that look at attributes, an address, a time, and a tag.
fn policies(count: usize, of_buckets: bool) -> PolicySet {
    let text: String = (0..count)
        .map(|number| {
            let resource = if of_buckets {
                format!("resource in Bucket::\"bucket-{number}\"")
            } else {
                "resource".to_owned()
            };
            format!(
                "permit (principal in Role::\"role-{number}\", action in [Action::\"read\", Action::\"write\"], {resource})
                 when {{ context has srcIp && context.srcIp.isInRange(ip(\"10.0.0.0/8\")) &&
                         context.now.toTime() > duration(\"7h\") && context.tls >= 12 &&
                         resource.key like \"area-{number}/*\" }};\n"
            )
            .replace(
                "Action::\"read\", Action::\"write\"",
                "Action::\"s3:GetObject\", Action::\"s3:PutObject\"",
            )
        })
        .collect();
    PolicySet::with_shipped(true, &[Source::new("bench.cedar", text)])
        .unwrap_or_else(|problems| unreachable_policies(&problems))
}

fn unreachable_policies(problems: &[policies::Problem]) -> PolicySet {
    let _ = writeln!(std::io::stderr(), "{problems:?}");
    PolicySet::default()
}

/// p50 and p99, seconds.
fn measure(set: &PolicySet) -> (f64, f64) {
    let principal = Principal::with_roles("clinic", "alice", ["reader", "role-3"]);
    let resource = Resource {
        tenant: "clinic".to_owned(),
        bucket: Some("bucket-3".to_owned()),
        key: Some("area-3/2027/01/report.pdf".to_owned()),
        class: Some("clinical".to_owned()),
        ..Resource::default()
    };
    let now = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
    let context = Context {
        src_ip: Some([10, 1, 2, 3].into()),
        tls: 13,
        mfa_age: Some(Duration::from_mins(1)),
        auth_age: Some(Duration::from_mins(10)),
        sig_age: Some(Duration::from_millis(40)),
        user_agent: Some("aws-sdk".to_owned()),
        ..Context::at(now, "eu-central-1")
    };
    let request = Request {
        principal: &principal,
        action: Action::GetObject,
        resource: &resource,
        context: &context,
    };
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            std::hint::black_box(decide(Layers::of(set), std::hint::black_box(&request)));
            begun.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| {
        times
            .get(times.len() * percent / 100)
            .copied()
            .unwrap_or_default()
    };
    (at(50), at(99))
}
