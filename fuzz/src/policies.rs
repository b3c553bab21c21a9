//! Policies in IAM's JSON, as clients put them on buckets and give them to sessions. It must not know how they are
//! compiled.

use std::time::{Duration, SystemTime};

use policies::{
    Action, Compiled, Context, Decision, Layers, Malformed, PolicySet, Principal, Reason, Request,
    Resource, Source, compile_bucket_policy, compile_session_policy, decide,
};
use serde_json::{Value, json};

use crate::Outcome;

/// A bucket's policy that is understood always decides, means the same with blanks around it, is outdone by a
/// statement that denies everything, and is about its own tenant only; another is refused with element and reason.
pub fn bucket_policy(data: &[u8]) -> Outcome {
    let everything = json!({
        "Effect": "Deny", "Principal": "*", "Action": "s3:*",
        "Resource": ["arn:aws:s3:::records", "arn:aws:s3:::records/*"],
    });
    holds(data, everything, |text| {
        compile_bucket_policy(text, TENANT, BUCKET)
    })
}

/// The same of a session's policy, which names no principal.
pub fn session_policy(data: &[u8]) -> Outcome {
    let everything = json!({ "Effect": "Deny", "Action": "s3:*", "Resource": "*" });
    holds(data, everything, compile_session_policy)
}

fn holds(
    data: &[u8],
    everything: Value,
    compile: impl Fn(&[u8]) -> Result<Compiled, Malformed>,
) -> Outcome {
    let compiled = match compile(data) {
        Ok(compiled) => compiled,
        Err(malformed) => {
            assert!(!malformed.element.is_empty() && !malformed.reason.is_empty());
            return Outcome::Refused;
        }
    };
    let read = PolicySet::load(&[Source::new("read.cedar", compiled.cedar.clone())]);
    assert_eq!(
        read.expect("what people are shown is valid").len(),
        compiled.set.len()
    );
    let blank = compile(&[b" \n", data, b"\t "].concat()).expect("blanks mean nothing");
    assert_eq!(compiled.cedar, blank.cedar);
    let denying = denied(data, everything).map(|text| compile(&text));
    let denying = denying
        .transpose()
        .expect("one more statement is understood");
    for (action, key) in ASKED {
        let decision = asked(&compiled.set, TENANT, action, key);
        if let Decision::Deny(denial) = &decision {
            assert_ne!(denial.reason, Reason::Failed, "{action} {key}");
        }
        assert_eq!(decision, asked(&blank.set, TENANT, action, key));
        assert!(!asked(&compiled.set, "another", action, key).is_permit());
        if let Some(denying) = &denying {
            let decision = asked(&denying.set, TENANT, action, key);
            assert!(!decision.is_permit(), "{action} {key}");
        }
    }
    Outcome::Accepted
}

/// The document with one more statement; `None` where it is as large as may be already.
fn denied(data: &[u8], statement: Value) -> Option<Vec<u8>> {
    let mut document: Value = serde_json::from_slice(data).expect("it was compiled");
    let statements = document.get_mut("Statement").expect("it was compiled");
    match statements {
        Value::Array(many) => many.push(statement),
        one => *one = json!([one.take(), statement]),
    }
    let text = document.to_string().into_bytes();
    (text.len() <= LARGEST && data.len() + 4 <= LARGEST).then_some(text)
}

/// Somebody of whom much is known asks in the policy's own bucket.
fn asked(set: &PolicySet, tenant: &str, action: Action, key: &str) -> Decision {
    let mut principal = Principal::with_roles(TENANT, "alice", ["reader"]);
    principal.tags = [("team".to_owned(), "ward".to_owned())].into();
    let resource = Resource {
        tenant: tenant.to_owned(),
        bucket: Some(BUCKET.to_owned()),
        key: Some(key.to_owned()).filter(|key| !key.is_empty()),
        tags: [("patient".to_owned(), "7".to_owned())].into(),
        ..Resource::default()
    };
    let context = Context {
        src_ip: Some([10, 0, 0, 7].into()),
        tls: 13,
        mfa_age: Some(Duration::from_mins(1)),
        sig_age: Some(Duration::from_secs(1)),
        list_prefix: Some("a/".to_owned()),
        max_keys: Some(u64::MAX),
        size: Some(u64::MAX),
        ..Context::at(SystemTime::UNIX_EPOCH, "eu-central-1")
    };
    let request = Request {
        principal: &principal,
        action,
        resource: &resource,
        context: &context,
    };
    decide(Layers::of(set), &request)
}

const TENANT: &str = "clinic";
const BUCKET: &str = "records";
/// Bytes: S3's limit, which blanks count towards.
const LARGEST: usize = 20 * 1024;

const ASKED: [(Action, &str); 6] = [
    (Action::GetObject, "a/b"),
    (Action::PutObject, "alice/x"),
    (Action::DeleteObject, "\u{e4}\"\\*"),
    (Action::GetObjectTagging, "a"),
    (Action::ListBucket, ""),
    (Action::GetBucketPolicy, ""),
];
