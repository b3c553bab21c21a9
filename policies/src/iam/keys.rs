//! The condition keys that are understood, and what each is in Cedar.

use super::text::quoted;
use crate::{Action, Target};

/// A condition key of a policy, for resources of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// When it is there; `None`: always.
    pub(super) has: Option<String>,
    /// Its value, to be looked at only where it is there.
    pub(super) value: String,
    pub(super) kind: Kind,
}

/// What a key's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// One of these: as IAM says it, as Cedar does.
    OneOf(&'static [(&'static str, &'static str)]),
    Number,
    /// 1.2 is 12.
    TlsVersion,
    Date,
    Address,
    /// The value is itself true or false.
    Truth,
}

/// A known name, without a tag's.
#[derive(Debug, Clone, Copy)]
struct Row {
    name: &'static str,
    has: &'static str,
    value: &'static str,
    kind: Kind,
    applies: fn(Action) -> bool,
    /// Whether it says who asks, or from where, so that a policy with it is not public.
    restricts: bool,
}

/// A key as a policy names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    row: &'static Row,
    tag: Option<&'a str>,
}

impl<'a> Named<'a> {
    /// Finds a key; the names of keys are equal in either case, those of tags are not.
    pub(super) fn find(text: &'a str) -> Option<Self> {
        let (name, tag) = match text.split_once('/') {
            Some((name, tag)) if !tag.is_empty() => (name, Some(tag)),
            Some(_) => return None,
            None => (text, None),
        };
        let row = ROWS
            .iter()
            .find(|row| row.name.eq_ignore_ascii_case(name))?;
        ((row.has == TAGGED) == tag.is_some()).then_some(Self { row, tag })
    }

    /// Whether IAM knows it for an action.
    pub(super) fn applies(self, action: Action) -> bool {
        (self.row.applies)(action)
    }

    /// Whether it says who asks, or from where.
    pub(super) fn restricts(self) -> bool {
        self.row.restricts
    }

    /// What it is in Cedar for resources of this kind.
    pub(super) fn on(self, target: Target) -> Key {
        let Row {
            has, value, kind, ..
        } = *self.row;
        let Some(tag) = self.tag.map(quoted) else {
            return Key {
                has: (!has.is_empty()).then(|| has.to_owned()),
                value: value.to_owned(),
                kind,
            };
        };
        // Only objects have tags.
        let never = value == "resource" && target != Target::Object;
        Key {
            has: Some(if never {
                "false".to_owned()
            } else {
                format!("{value}.hasTag({tag})")
            }),
            value: if never {
                "\"\"".to_owned()
            } else {
                format!("{value}.getTag({tag})")
            },
            kind,
        }
    }
}

/// Not a test but a mark: the name has a tag behind it, and `value` is what has the tag.
const TAGGED: &str = "tag";

const fn row(
    name: &'static str,
    has: &'static str,
    value: &'static str,
    kind: Kind,
    applies: fn(Action) -> bool,
) -> Row {
    Row {
        name,
        has,
        value,
        kind,
        applies,
        restricts: false,
    }
}

const fn restricting(row: Row) -> Row {
    Row {
        restricts: true,
        ..row
    }
}

fn any(_: Action) -> bool {
    true
}

fn listing(action: Action) -> bool {
    matches!(action, Action::ListBucket | Action::ListBucketVersions)
}

fn putting(action: Action) -> bool {
    action == Action::PutObject
}

fn setting_acl(action: Action) -> bool {
    use Action as A;
    matches!(
        action,
        A::PutObject | A::PutObjectAcl | A::PutObjectVersionAcl | A::CreateBucket | A::PutBucketAcl
    )
}

fn setting_tags(action: Action) -> bool {
    use Action as A;
    matches!(
        action,
        A::PutObject | A::PutObjectTagging | A::PutObjectVersionTagging
    )
}

/// The actions on an object that is there already.
fn on_stored(action: Action) -> bool {
    use Action as A;
    matches!(
        action,
        A::GetObject
            | A::GetObjectVersion
            | A::GetObjectAcl
            | A::GetObjectVersionAcl
            | A::GetObjectTagging
            | A::GetObjectVersionTagging
            | A::PutObjectAcl
            | A::PutObjectVersionAcl
            | A::PutObjectTagging
            | A::PutObjectVersionTagging
            | A::DeleteObjectTagging
            | A::DeleteObjectVersionTagging
            | A::DeleteObject
            | A::DeleteObjectVersion
    )
}

fn of_versions(action: Action) -> bool {
    use Action as A;
    matches!(
        action,
        A::GetObjectVersion
            | A::GetObjectVersionAcl
            | A::GetObjectVersionAttributes
            | A::GetObjectVersionTagging
            | A::PutObjectVersionAcl
            | A::PutObjectVersionTagging
            | A::DeleteObjectVersionTagging
            | A::DeleteObjectVersion
    )
}

fn retaining(action: Action) -> bool {
    matches!(action, Action::PutObject | Action::PutObjectRetention)
}

/// How requests are signed, as IAM and as Cedar's context say it.
const AUTH_TYPES: &[(&str, &str)] = &[
    ("REST-HEADER", "header"),
    ("REST-QUERY-STRING", "presigned"),
    ("POST", "post"),
];

const ROWS: &[Row] = &[
    restricting(row(
        "aws:SourceIp",
        "context has srcIp",
        "context.srcIp",
        Kind::Address,
        any,
    )),
    row("aws:CurrentTime", "", "context.now", Kind::Date, any),
    row(
        "aws:SecureTransport",
        "",
        "context.tls > 0",
        Kind::Truth,
        any,
    ),
    row(
        "s3:TlsVersion",
        "context.tls > 0",
        "context.tls",
        Kind::TlsVersion,
        any,
    ),
    row(
        "aws:MultiFactorAuthPresent",
        "(context has mfaAge || context has authAge)",
        "context has mfaAge",
        Kind::Truth,
        any,
    ),
    row(
        "aws:MultiFactorAuthAge",
        "context has mfaAge",
        "context.mfaAge.toSeconds()",
        Kind::Number,
        any,
    ),
    row(
        "s3:signatureAge",
        "context has sigAge",
        "context.sigAge.toMilliseconds()",
        Kind::Number,
        any,
    ),
    row(
        "s3:authType",
        "",
        "context.authType",
        Kind::OneOf(AUTH_TYPES),
        any,
    ),
    row(
        "aws:UserAgent",
        "context has userAgent",
        "context.userAgent",
        Kind::Text,
        any,
    ),
    row(
        "aws:Referer",
        "context has referer",
        "context.referer",
        Kind::Text,
        any,
    ),
    row(
        "aws:RequestedRegion",
        "",
        "context.upstreamRegion",
        Kind::Text,
        any,
    ),
    restricting(row("aws:username", "", "principal.name", Kind::Text, any)),
    restricting(row(
        "aws:PrincipalTag",
        TAGGED,
        "principal",
        Kind::Text,
        any,
    )),
    row(
        "s3:prefix",
        "context has listPrefix",
        "context.listPrefix",
        Kind::Text,
        listing,
    ),
    row(
        "s3:delimiter",
        "context has delimiter",
        "context.delimiter",
        Kind::Text,
        listing,
    ),
    row(
        "s3:max-keys",
        "context has maxKeys",
        "context.maxKeys",
        Kind::Number,
        listing,
    ),
    row(
        "s3:RequestObjectTag",
        TAGGED,
        "context.reqTags",
        Kind::Text,
        setting_tags,
    ),
    row(
        "s3:ExistingObjectTag",
        TAGGED,
        "resource",
        Kind::Text,
        on_stored,
    ),
    row(
        "s3:x-amz-acl",
        "context has acl",
        "context.acl",
        Kind::Text,
        setting_acl,
    ),
    row(
        "s3:x-amz-copy-source",
        "context has copySource",
        "context.copySource",
        Kind::Text,
        putting,
    ),
    row(
        "s3:x-amz-metadata-directive",
        "context has metadataDirective",
        "context.metadataDirective",
        Kind::Text,
        putting,
    ),
    row(
        "s3:x-amz-storage-class",
        "context has storageClass",
        "context.storageClass",
        Kind::Text,
        putting,
    ),
    row(
        "s3:VersionId",
        "context has versionId",
        "context.versionId",
        Kind::Text,
        of_versions,
    ),
    row(
        "s3:object-lock-mode",
        "context has lockMode",
        "context.lockMode",
        Kind::Text,
        retaining,
    ),
    row(
        "s3:object-lock-remaining-retention-days",
        "context has remainingRetentionDays",
        "context.remainingRetentionDays",
        Kind::Number,
        retaining,
    ),
];
