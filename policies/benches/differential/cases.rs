//! Random bucket policies and requests, and what two evaluators make of them: ours, by way of Cedar, and `iam-rs`.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, SystemTime};

use iam_rs::{Arn, Context as IamContext, ContextValue, IAMPolicy, IAMRequest, PrincipalId};
use policies::{
    Action, AuthType, Context, Layers, PolicySet, Principal, Request, Resource, Target,
    compile_bucket_policy, decide,
};
use serde_json::{Map, Value, json};

/// What became of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Both said so.
    Agreed { permitted: bool },
    /// Our compiler refuses the policy, which decides nothing.
    Refused,
    /// They differ: the policy, the request, and what each said.
    Differed(String),
}

/// A small generator (`SplitMix64`), so that a case is its number.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.roll() % u64::try_from(most.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    fn often(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the lists are literals, and none is empty"
    )]
    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        self.one_of(of)
    }

    /// One to three of them; one is not a list, as IAM writes it.
    fn some(&mut self, of: &[&str]) -> Value {
        let count = 1 + self.below(3);
        let chosen: Vec<&str> = (0..count).map(|_| self.pick(of)).collect();
        match chosen.as_slice() {
            [one] => json!(one),
            many => json!(many),
        }
    }
}

/// Generates a policy and some requests, and lets both decide about each.
pub(crate) fn run(dice: &mut Dice) -> Vec<Outcome> {
    let policy = policy(dice);
    let text = policy.to_string();
    let Ok(compiled) = compile_bucket_policy(text.as_bytes(), TENANT, BUCKET) else {
        return vec![Outcome::Refused];
    };
    let one = |_| {
        let asked = Asked::roll(dice);
        let ours = asked.ours(&compiled.set);
        match asked.theirs(&text) {
            Ok(theirs) if theirs == ours => Outcome::Agreed { permitted: ours },
            theirs => Outcome::Differed(format!(
                "ours: {ours}, theirs: {theirs:?}\n{policy:#}\n{asked:#?}\n{}",
                compiled.cedar
            )),
        }
    };
    (0..REQUESTS_EACH).map(one).collect()
}

/// A request in both worlds' terms.
#[derive(Debug)]
struct Asked {
    name: &'static str,
    tags: Vec<(&'static str, &'static str)>,
    action: Action,
    key: &'static str,
    object_tags: Vec<(&'static str, &'static str)>,
    context: Context,
}

impl Asked {
    fn roll(dice: &mut Dice) -> Self {
        let actions: Vec<Action> = ACTIONS
            .iter()
            .filter_map(|name| name.parse().ok())
            .collect();
        let action = dice.one_of(&actions);
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + dice.roll() % 3);
        let mut context = Context::at(now, dice.pick(&["eu-central-1", "us-east-1"]));
        context.tls = dice.one_of(&[0, 12, 13]);
        context.auth_type = dice.one_of(&[AuthType::Header, AuthType::Presigned, AuthType::Post]);
        if dice.often(80) {
            context.src_ip = Some(IpAddr::V4(Ipv4Addr::new(
                dice.one_of(&[10, 192]),
                dice.one_of(&[0, 168]),
                1,
                u8::try_from(dice.below(3)).unwrap_or(0),
            )));
        }
        if dice.often(50) {
            context.auth_age = Some(Duration::from_secs(5));
            if dice.often(50) {
                context.mfa_age = Some(Duration::from_secs(dice.roll() % 3 * 900));
            }
        }
        if dice.often(50) {
            context.sig_age = Some(Duration::from_secs(dice.roll() % 3));
        }
        let mut text = |percent, of: &[&str]| dice.often(percent).then(|| dice.pick(of).to_owned());
        context.user_agent = text(50, TEXTS);
        context.referer = text(50, TEXTS);
        context.list_prefix = text(50, TEXTS);
        context.delimiter = text(50, TEXTS);
        context.acl = text(30, TEXTS);
        context.copy_source = text(30, TEXTS);
        context.storage_class = text(30, TEXTS);
        if dice.often(50) {
            context.max_keys = Some(dice.roll() % 4 * 10);
        }
        let tags = |dice: &mut Dice| {
            let mut tags = Vec::new();
            for name in ["team", "patient"] {
                if dice.often(50) {
                    tags.push((name, dice.pick(TEXTS)));
                }
            }
            tags
        };
        let request_tags = tags(dice);
        context.request_tags = request_tags
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Self {
            name: dice.pick(&["alice", "bob", "carol"]),
            tags: tags(dice),
            action,
            key: dice.pick(KEYS),
            object_tags: if action.target() == Target::Object {
                tags(dice)
            } else {
                Vec::new()
            },
            context,
        }
    }

    fn ours(&self, set: &PolicySet) -> bool {
        let owned = |tags: &[(&str, &str)]| {
            let tags = tags.iter();
            tags.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        let principal = Principal {
            tags: owned(&self.tags),
            ..Principal::with_roles(TENANT, self.name, ["nobody"])
        };
        let resource = Resource {
            tenant: TENANT.to_owned(),
            bucket: Some(BUCKET.to_owned()),
            key: Some(self.key.to_owned()),
            tags: owned(&self.object_tags),
            ..Resource::default()
        };
        let request = Request {
            principal: &principal,
            action: self.action,
            resource: &resource,
            context: &self.context,
        };
        decide(Layers::of(set), &request).is_permit()
    }

    fn theirs(&self, policy: &str) -> Result<bool, String> {
        let policy = IAMPolicy::from_json(policy).map_err(|error| error.to_string())?;
        let arn = match self.action.target() {
            Target::Object => format!("arn:aws:s3:::{BUCKET}/{}", self.key),
            _ => format!("arn:aws:s3:::{BUCKET}"),
        };
        let user = format!("arn:aws:iam::{TENANT}:user/{}", self.name);
        let request = IAMRequest::new_with_context(
            iam_rs::Principal::Aws(PrincipalId::String(user)),
            self.action.name(),
            Arn::parse(&arn).map_err(|error| error.to_string())?,
            self.iam_context(),
        );
        let decision = iam_rs::evaluate_policy(&policy, &request);
        let decision = decision.map_err(|error| error.to_string())?;
        Ok(decision == iam_rs::Decision::Allow)
    }

    fn iam_context(&self) -> IamContext {
        let Context {
            now,
            src_ip,
            tls,
            auth_type,
            mfa_age,
            auth_age,
            sig_age,
            ..
        } = &self.context;
        let mut there = IamContext::new();
        let mut put = |name: &str, value: Option<ContextValue>| {
            if let Some(value) = value {
                there.insert(name.to_owned(), value);
            }
        };
        let text = |value: &Option<String>| value.clone().map(ContextValue::String);
        let seconds = |age: &Duration| ContextValue::Number(age.as_secs_f64());
        let epoch = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        put(
            "aws:CurrentTime",
            Some(ContextValue::String(epoch.as_secs().to_string())),
        );
        put(
            "aws:SourceIp",
            src_ip.map(|ip| ContextValue::String(ip.to_string())),
        );
        put("aws:SecureTransport", Some(ContextValue::Boolean(*tls > 0)));
        let version = (*tls > 0).then(|| ContextValue::Number(f64::from(*tls) / 10.0));
        put("s3:TlsVersion", version);
        let second_factor = (mfa_age.is_some() || auth_age.is_some())
            .then_some(ContextValue::Boolean(mfa_age.is_some()));
        put("aws:MultiFactorAuthPresent", second_factor);
        put("aws:MultiFactorAuthAge", mfa_age.as_ref().map(seconds));
        let millis = |age: &Duration| ContextValue::Number(age.as_secs_f64() * 1000.0);
        put("s3:signatureAge", sig_age.as_ref().map(millis));
        let how = match auth_type {
            AuthType::Header => "REST-HEADER",
            AuthType::Presigned => "REST-QUERY-STRING",
            AuthType::Post => "POST",
        };
        put("s3:authType", Some(ContextValue::String(how.to_owned())));
        put(
            "aws:username",
            Some(ContextValue::String(self.name.to_owned())),
        );
        put(
            "aws:RequestedRegion",
            text(&Some(self.context.upstream_region.clone())),
        );
        put("aws:UserAgent", text(&self.context.user_agent));
        put("aws:Referer", text(&self.context.referer));
        put("s3:prefix", text(&self.context.list_prefix));
        put("s3:delimiter", text(&self.context.delimiter));
        put("s3:x-amz-acl", text(&self.context.acl));
        put("s3:x-amz-copy-source", text(&self.context.copy_source));
        put("s3:x-amz-storage-class", text(&self.context.storage_class));
        let most = self
            .context
            .max_keys
            .and_then(|most| u32::try_from(most).ok());
        put(
            "s3:max-keys",
            most.map(|most| ContextValue::Number(f64::from(most))),
        );
        for (kind, tags) in [
            ("aws:PrincipalTag", self.tags.clone()),
            ("s3:ExistingObjectTag", self.object_tags.clone()),
        ] {
            for (name, value) in tags {
                put(
                    &format!("{kind}/{name}"),
                    Some(ContextValue::String(value.to_owned())),
                );
            }
        }
        for (name, value) in &self.context.request_tags {
            put(
                &format!("s3:RequestObjectTag/{name}"),
                Some(ContextValue::String(value.clone())),
            );
        }
        there
    }
}

fn policy(dice: &mut Dice) -> Value {
    let count = 1 + dice.below(3);
    let statements: Vec<Value> = (0..count).map(|_| statement(dice)).collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn statement(dice: &mut Dice) -> Value {
    let mut statement = Map::new();
    let effect = if dice.often(65) { "Allow" } else { "Deny" };
    statement.insert("Effect".to_owned(), json!(effect));
    let alice = format!("arn:aws:iam::{TENANT}:user/alice");
    let bob = format!("arn:aws:iam::{TENANT}:user/bob");
    let principal = match dice.below(4) {
        0 | 1 => json!("*"),
        2 => json!({ "AWS": alice }),
        _ => json!({ "AWS": [alice, bob] }),
    };
    statement.insert("Principal".to_owned(), principal);
    let action = if dice.often(85) {
        "Action"
    } else {
        "NotAction"
    };
    statement.insert(action.to_owned(), dice.some(ACTION_PATTERNS));
    let resource = if dice.often(85) {
        "Resource"
    } else {
        "NotResource"
    };
    statement.insert(resource.to_owned(), dice.some(RESOURCES));
    if dice.often(75) {
        let mut operators = Map::new();
        for _ in 0..=dice.below(2) {
            let (operator, key, value) = condition(dice);
            let keys = operators.entry(operator).or_insert_with(|| json!({}));
            if let Some(keys) = keys.as_object_mut() {
                keys.insert(key, value);
            }
        }
        statement.insert("Condition".to_owned(), Value::Object(operators));
    }
    Value::Object(statement)
}

fn condition(dice: &mut Dice) -> (String, String, Value) {
    let exists = if dice.often(30) { "IfExists" } else { "" };
    let comparisons = [
        "Equals",
        "NotEquals",
        "LessThan",
        "LessThanEquals",
        "GreaterThan",
        "GreaterThanEquals",
    ];
    let (operator, key, value) = match dice.below(7) {
        0 | 1 => (
            format!(
                "String{}",
                dice.pick(&["Equals", "NotEquals", "Like", "NotLike"])
            ),
            dice.pick(TEXT_KEYS),
            dice.some(VALUES),
        ),
        2 => (
            format!("Numeric{}", dice.pick(&comparisons)),
            dice.pick(&["s3:max-keys", "aws:MultiFactorAuthAge", "s3:signatureAge"]),
            dice.some(&["0", "10", "900", "1000", "1800"]),
        ),
        3 => (
            format!("Date{}", dice.pick(&comparisons)),
            "aws:CurrentTime",
            dice.some(&["2027-01-15T08:00:00Z", "2027-01-15T08:00:01Z", "1800000002"]),
        ),
        4 => (
            "Bool".to_owned(),
            dice.pick(&["aws:SecureTransport", "aws:MultiFactorAuthPresent"]),
            dice.some(&["true", "false"]),
        ),
        5 => (
            dice.pick(&["IpAddress", "NotIpAddress"]).to_owned(),
            "aws:SourceIp",
            dice.some(&[
                "10.0.0.0/8",
                "192.168.1.0/24",
                "10.0.1.1",
                "0.0.0.0/0",
                "2001:db8::/32",
            ]),
        ),
        _ => {
            let key = if dice.often(50) {
                dice.pick(TEXT_KEYS)
            } else {
                dice.pick(&[
                    "aws:SourceIp",
                    "aws:MultiFactorAuthAge",
                    "s3:max-keys",
                    "s3:TlsVersion",
                ])
            };
            let value = dice.pick(&["true", "false"]);
            return ("Null".to_owned(), key.to_owned(), json!(value));
        }
    };
    (format!("{operator}{exists}"), key.to_owned(), value)
}

/// Understanding a policy costs more than deciding by it.
const REQUESTS_EACH: usize = 10;

const TENANT: &str = "123456789012";
const BUCKET: &str = "records";

const ACTIONS: &[&str] = &[
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:GetObjectTagging",
    "s3:ListBucket",
    "s3:ListBucketVersions",
    "s3:GetBucketLocation",
    "s3:DeleteBucket",
];

const ACTION_PATTERNS: &[&str] = &[
    "s3:*",
    "s3:*",
    "*",
    "s3:Get*",
    "s3:Get?bject",
    "s3:*Object",
    "s3:List*",
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:ListBucket",
    "s3:Put*",
];

const RESOURCES: &[&str] = &[
    "arn:aws:s3:::records",
    "arn:aws:s3:::records/*",
    "arn:aws:s3:::records/*",
    "arn:aws:s3:::records*",
    "*",
    "arn:aws:s3:::records/a/*",
    "arn:aws:s3:::records/*/b",
    "arn:aws:s3:::records/a*b*",
    "arn:aws:s3:::records/plain.txt",
    "arn:aws:s3:::records/desk/${aws:username}/*",
    "arn:aws:s3:::records/${aws:username}",
    "arn:aws:s3:::records/{x/y}/${aws:username}/*",
];

const KEYS: &[&str] = &[
    "a/b",
    "a/",
    "a",
    "plain.txt",
    "desk/alice/x",
    "desk/alice/",
    "desk/alice",
    "desk/bob/deep/er",
    "alice",
    "alice/b",
    "axxb/b",
    "{x/y}/alice/z",
    "a+b\"\\",
    "ä/b",
];

/// What requests say. No stars: the other evaluator takes one in a text for the wildcard of a pattern at the same
/// place (`*` does not match `*b` there).
const TEXTS: &[&str] = &[
    "a", "a/b", "ab", "b", "", "a\"\\x", "a\"\\xx", "ä", "private",
];

/// What policies say, also as patterns.
const VALUES: &[&str] = &["a", "a/b", "a*", "*", "*b", "", "a\"\\*x", "ä", "private"];

const TEXT_KEYS: &[&str] = &[
    "aws:UserAgent",
    "aws:Referer",
    "aws:username",
    "aws:RequestedRegion",
    "aws:PrincipalTag/team",
    "aws:PrincipalTag/patient",
    "s3:prefix",
    "s3:delimiter",
    "s3:x-amz-acl",
    "s3:x-amz-copy-source",
    "s3:x-amz-storage-class",
    "s3:RequestObjectTag/team",
    "s3:ExistingObjectTag/patient",
];
