//! A question in Cedar's terms: entities and a context, built from typed values and never from JSON, which
//! would cost more than the decision.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use cedar_policy::{
    Context as CedarContext, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    Request as CedarRequest, RestrictedExpression as Value, Schema,
};
use time::OffsetDateTime;

use crate::Action;
use crate::action::Target;
use crate::request::{AuthType, Context, Kind, Principal, Request, Resource};

/// Why a question could not be put. Whoever asks is denied.
pub(crate) type QuestionError = Box<dyn std::error::Error + Send + Sync>;

/// A question as Cedar takes it.
pub(crate) struct Question {
    pub(crate) request: CedarRequest,
    pub(crate) entities: Entities,
}

impl Question {
    /// The question with those attributes of the context that some policy `reads`: to parse the others would cost
    /// more than the decision.
    pub(crate) fn new(
        asked: &Request<'_>,
        reads: &dyn Fn(&str) -> bool,
    ) -> Result<Self, QuestionError> {
        Self::validated(asked, reads, None)
    }

    /// The same, held against a schema: for tests and tools.
    pub(crate) fn validated(
        asked: &Request<'_>,
        reads: &dyn Fn(&str) -> bool,
        schema: Option<&Schema>,
    ) -> Result<Self, QuestionError> {
        let principal = uid(&TYPES.principal, &asked.principal.name);
        let action = action_uid(asked.action.name());
        let mut entities = vec![
            principal_entity(principal.clone(), asked.principal)?,
            action_entity(asked.action),
            Entity::new_with_tags(
                uid(&TYPES.request_tags, ""),
                [],
                [],
                texts(&asked.context.request_tags),
            )?,
        ];
        let resource = resource_entities(asked.action, asked.resource, &mut entities)?;
        let context = CedarContext::from_pairs(context_pairs(asked.context, reads)?)?;
        Ok(Self {
            request: CedarRequest::new(principal, action, resource, context, schema)?,
            entities: Entities::from_entities(entities, schema)?,
        })
    }
}

fn principal_entity(uid_of: EntityUid, principal: &Principal) -> Result<Entity, QuestionError> {
    let kind = match principal.kind {
        Kind::Human => "human",
        Kind::Service => "service",
    };
    let mut attributes = vec![
        text("tenant", &principal.tenant),
        text("name", &principal.name),
        text("kind", kind),
    ];
    attributes.extend(maybe("clinicId", principal.clinic_id.as_deref()));
    if let Some(until) = principal.hipaa_trained_until {
        attributes.push(("hipaaTrainedUntil".to_owned(), datetime(until)?));
    }
    let roles = principal.roles.iter().map(|role| uid(&TYPES.role, role));
    let groups = principal
        .groups
        .iter()
        .map(|group| uid(&TYPES.group, group));
    Ok(Entity::new_with_tags(
        uid_of,
        attributes,
        roles.chain(groups),
        texts(&principal.tags),
    )?)
}

fn action_entity(action: Action) -> Entity {
    let group = action_uid(action.group().name());
    Entity::new_no_attrs(action_uid(action.name()), HashSet::from([group]))
}

/// The resource, and what it lies in.
fn resource_entities(
    action: Action,
    resource: &Resource,
    entities: &mut Vec<Entity>,
) -> Result<EntityUid, QuestionError> {
    let tenant = uid(&TYPES.tenant, &resource.tenant);
    let class = maybe("class", resource.class.as_deref());
    let residency = (!resource.residency.is_empty()).then(|| {
        let regions = resource.residency.iter().cloned();
        (
            "residency".to_owned(),
            Value::new_set(regions.map(Value::new_string)),
        )
    });
    if action.target() == Target::Tenant {
        let mut attributes = vec![
            text("tenant", &resource.tenant),
            (
                "legalHold".to_owned(),
                // Not known is taken for held.
                Value::new_bool(resource.legal_hold.unwrap_or(true)),
            ),
        ];
        if let Some(until) = resource.retain_until {
            attributes.push(("holdUntil".to_owned(), datetime(until)?));
        }
        entities.push(Entity::new_with_tags(tenant.clone(), attributes, [], [])?);
        return Ok(tenant);
    }
    let name = resource.bucket.as_deref().ok_or(INCOMPLETE)?;
    let bucket = uid(&TYPES.bucket, name);
    let attributes = [text("tenant", &resource.tenant), text("name", name)];
    entities.push(Entity::new_with_tags(
        bucket.clone(),
        attributes
            .into_iter()
            .chain(class.clone())
            .chain(residency.clone()),
        [tenant],
        [],
    )?);
    if action.target() == Target::Bucket {
        return Ok(bucket);
    }
    let key = resource.key.as_deref().ok_or(INCOMPLETE)?;
    let object = uid(&TYPES.object, &format!("{name}/{key}"));
    let mut attributes = vec![
        text("tenant", &resource.tenant),
        text("bucket", name),
        text("key", key),
    ];
    attributes.extend(class);
    attributes.extend(residency);
    let segments = ["seg1", "seg2", "seg3"].into_iter().zip(key.split('/'));
    attributes.extend(segments.map(|(name, segment)| text(name, segment)));
    if let Some(hold) = resource.legal_hold {
        attributes.push(("legalHold".to_owned(), Value::new_bool(hold)));
    }
    if let Some(until) = resource.retain_until {
        attributes.push(("retainUntil".to_owned(), datetime(until)?));
    }
    entities.push(Entity::new_with_tags(
        object.clone(),
        attributes,
        [bucket],
        texts(&resource.tags),
    )?);
    Ok(object)
}

fn context_pairs(
    context: &Context,
    reads: &dyn Fn(&str) -> bool,
) -> Result<Vec<(String, Value)>, QuestionError> {
    let mut pairs = Pairs {
        reads,
        pairs: Vec::new(),
    };
    let auth_type = match context.auth_type {
        AuthType::Header => "header",
        AuthType::Presigned => "presigned",
        AuthType::Post => "post",
    };
    pairs.try_add("now", Some(context.now), datetime)?;
    pairs.add("tls", Some(context.tls), |tls| {
        Value::new_long(i64::from(tls))
    });
    pairs.add("authType", Some(auth_type), string);
    pairs.add(
        "upstreamRegion",
        Some(context.upstream_region.as_str()),
        string,
    );
    pairs.add("approvals", Some(context.approvals), |approvals| {
        Value::new_long(i64::from(approvals))
    });
    pairs.add("reqTags", Some(()), |()| {
        Value::new_entity_uid(uid(&TYPES.request_tags, ""))
    });
    pairs.add("srcIp", context.src_ip, |ip| {
        Value::new_ip(ip.to_canonical().to_string())
    });
    for (name, age) in [
        ("mfaAge", context.mfa_age),
        ("authAge", context.auth_age),
        ("idle", context.idle),
        ("sigAge", context.sig_age),
    ] {
        pairs.add(name, age, duration);
    }
    for (name, word) in [
        ("clientCertFp", &context.client_cert_fp),
        ("userAgent", &context.user_agent),
        ("referer", &context.referer),
        ("listPrefix", &context.list_prefix),
        ("delimiter", &context.delimiter),
        ("contentType", &context.content_type),
        ("sniffedType", &context.sniffed_type),
        ("checksumAlg", &context.checksum_alg),
        ("copySource", &context.copy_source),
        ("metadataDirective", &context.metadata_directive),
        ("acl", &context.acl),
        ("storageClass", &context.storage_class),
        ("versionId", &context.version_id),
        ("upload", &context.upload),
        ("lockMode", &context.lock_mode),
        ("purpose", &context.purpose),
    ] {
        pairs.add(name, word.as_deref(), string);
    }
    let prefix = context.list_prefix.as_deref();
    let segment = prefix.and_then(|prefix| prefix.split_once('/'));
    pairs.add("listSeg1", segment, |(segment, _)| string(segment));
    for (name, number) in [
        ("maxKeys", context.max_keys),
        ("size", context.size),
        ("partNumber", context.part_number),
        ("remainingRetentionDays", context.remaining_retention_days),
    ] {
        pairs.add(name, number, long);
    }
    pairs.add("overwrites", context.overwrites, Value::new_bool);
    pairs.try_add("breakGlass", context.break_glass.as_ref(), |glass| {
        Ok(Value::new_record([
            text("id", &glass.id),
            text("reason", &glass.reason),
            ("reasonLength".to_owned(), length(glass.reason.trim())),
            ("expires".to_owned(), datetime(glass.expires)?),
        ])?)
    })?;
    Ok(pairs.pairs)
}

/// Attributes of the context, of which only those that are read are made.
struct Pairs<'a> {
    reads: &'a dyn Fn(&str) -> bool,
    pairs: Vec<(String, Value)>,
}

impl Pairs<'_> {
    fn add<T>(&mut self, name: &str, known: Option<T>, value: impl FnOnce(T) -> Value) {
        if let Some(known) = known.filter(|_| (self.reads)(name)) {
            self.pairs.push((name.to_owned(), value(known)));
        }
    }

    fn try_add<T>(
        &mut self,
        name: &str,
        known: Option<T>,
        value: impl FnOnce(T) -> Result<Value, QuestionError>,
    ) -> Result<(), QuestionError> {
        if let Some(known) = known.filter(|_| (self.reads)(name)) {
            self.pairs.push((name.to_owned(), value(known)?));
        }
        Ok(())
    }
}

fn uid(of: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(of.clone(), EntityId::new(id))
}

pub(crate) fn action_uid(name: &str) -> EntityUid {
    uid(&TYPES.action, name)
}

fn text(name: &str, value: &str) -> (String, Value) {
    (name.to_owned(), string(value))
}

fn string(value: &str) -> Value {
    Value::new_string(value.to_owned())
}

fn maybe(name: &str, value: Option<&str>) -> Option<(String, Value)> {
    value.map(|value| text(name, value))
}

fn texts<'a>(
    map: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> impl Iterator<Item = (String, Value)> {
    map.into_iter().map(|(name, value)| text(name, value))
}

/// Characters, which Cedar cannot count.
fn length(text: &str) -> Value {
    long(u64::try_from(text.chars().count()).unwrap_or(u64::MAX))
}

fn long(number: u64) -> Value {
    Value::new_long(i64::try_from(number).unwrap_or(i64::MAX))
}

fn duration(age: Duration) -> Value {
    let millis = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    Value::new_duration(format!("{millis}ms"))
}

fn datetime(time: SystemTime) -> Result<Value, QuestionError> {
    let since = |duration: Duration| i64::try_from(duration.as_millis()).ok();
    let millis = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => since(after),
        Err(before) => since(before.duration()).and_then(i64::checked_neg),
    };
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    let written = millis
        .and_then(|millis| {
            OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()
        })
        .and_then(|time| time.format(format).ok());
    written
        .map(Value::new_datetime)
        .ok_or_else(|| "a time is out of range".into())
}

/// The entity types of the schema.
struct Types {
    action: EntityTypeName,
    principal: EntityTypeName,
    role: EntityTypeName,
    group: EntityTypeName,
    tenant: EntityTypeName,
    bucket: EntityTypeName,
    object: EntityTypeName,
    request_tags: EntityTypeName,
}

/// Parsed once.
static TYPES: LazyLock<Types> = LazyLock::new(|| {
    let parsed = |name: &str| {
        #[expect(clippy::expect_used, reason = "the names are literals, each one word")]
        name.parse().expect("a word is a type name")
    };
    Types {
        action: parsed("Action"),
        principal: parsed("Principal"),
        role: parsed("Role"),
        group: parsed("Group"),
        tenant: parsed("Tenant"),
        bucket: parsed("Bucket"),
        object: parsed("Object"),
        request_tags: parsed("RequestTags"),
    }
});

const INCOMPLETE: &str = "an action on a bucket or an object does not name it";
