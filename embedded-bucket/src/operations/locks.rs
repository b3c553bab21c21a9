//! Object lock: a bucket's configuration, and retention and legal hold of versions.

use s3s::dto;

use super::{Operations, wire};
use crate::edge::Intake;
use crate::fault::Fault;
use crate::index::{
    BucketLock, BucketRecord, LockMode, Moment, Retention, VersionRecord, VersionRef, Versioning,
    with_bytes,
};

impl Operations {
    pub(super) async fn put_object_lock_configuration(
        &self,
        input: dto::PutObjectLockConfigurationInput,
        _: Intake,
    ) -> Result<dto::PutObjectLockConfigurationOutput, Fault> {
        let asked = input.object_lock_configuration.ok_or(Fault::MalformedXml)?;
        let enabled = asked.object_lock_enabled.as_ref();
        if enabled.map(dto::ObjectLockEnabled::as_str) != Some(dto::ObjectLockEnabled::ENABLED) {
            return Err(Fault::MalformedXml);
        }
        let rule = asked.rule.and_then(|rule| rule.default_retention);
        let default = rule.map(default_rule).transpose()?;
        let name = input.bucket;
        self.index
            .write(move |tables| {
                let mut bucket = tables.bucket(&name)?;
                if bucket.versioning != Versioning::Enabled {
                    return Err(Fault::InvalidBucketState(
                        "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
                    ));
                }
                bucket.lock = Some(BucketLock { default });
                tables.put_bucket(&name, &bucket)
            })
            .await?;
        Ok(dto::PutObjectLockConfigurationOutput::default())
    }

    pub(super) async fn get_object_lock_configuration(
        &self,
        input: dto::GetObjectLockConfigurationInput,
        _: Intake,
    ) -> Result<dto::GetObjectLockConfigurationOutput, Fault> {
        let bucket = self.read(move |view| view.bucket(&input.bucket)).await?;
        let lock = bucket.lock.ok_or(Fault::NoBucketLock)?;
        let rule = lock
            .default
            .map(|(mode, number, years)| dto::ObjectLockRule {
                default_retention: Some(dto::DefaultRetention {
                    mode: Some(retention_mode(mode)),
                    days: (!years).then_some(number),
                    years: years.then_some(number),
                }),
            });
        let enabled = dto::ObjectLockEnabled::from_static(dto::ObjectLockEnabled::ENABLED);
        Ok(dto::GetObjectLockConfigurationOutput {
            object_lock_configuration: Some(dto::ObjectLockConfiguration {
                object_lock_enabled: Some(enabled),
                rule,
            }),
        })
    }

    pub(super) async fn put_object_retention(
        &self,
        input: dto::PutObjectRetentionInput,
        _: Intake,
    ) -> Result<dto::PutObjectRetentionOutput, Fault> {
        let asked = input.retention.ok_or(Fault::MalformedXml)?;
        let retention = match (asked.mode, asked.retain_until_date) {
            (None, None) => None,
            (Some(mode), Some(until)) => Some(Retention {
                mode: wire::lock_mode(mode.as_str()).map_err(|_| Fault::MalformedXml)?,
                until: wire::moment(until),
            }),
            _ => return Err(Fault::MalformedXml),
        };
        let now = self.now();
        let bypass = input.bypass_governance_retention == Some(true);
        self.relock(input.bucket, input.key, input.version_id, move |record| {
            allow_retention(record.lock.retention, retention, now, bypass)?;
            record.lock.retention = retention;
            Ok(())
        })
        .await?;
        Ok(dto::PutObjectRetentionOutput::default())
    }

    pub(super) async fn get_object_retention(
        &self,
        input: dto::GetObjectRetentionInput,
        _: Intake,
    ) -> Result<dto::GetObjectRetentionOutput, Fault> {
        let record = self
            .lockable(input.bucket, input.key, input.version_id)
            .await?;
        let retention = record.lock.retention.ok_or(Fault::NoObjectLock)?;
        Ok(dto::GetObjectRetentionOutput {
            retention: Some(dto::ObjectLockRetention {
                mode: Some(retention_mode(retention.mode)),
                retain_until_date: Some(wire::timestamp(retention.until)),
            }),
        })
    }

    pub(super) async fn put_object_legal_hold(
        &self,
        input: dto::PutObjectLegalHoldInput,
        _: Intake,
    ) -> Result<dto::PutObjectLegalHoldOutput, Fault> {
        let status = input.legal_hold.and_then(|hold| hold.status);
        let status = status.ok_or(Fault::MalformedXml)?;
        let on = wire::hold(status.as_str()).map_err(|_| Fault::MalformedXml)?;
        self.relock(input.bucket, input.key, input.version_id, move |record| {
            record.lock.legal_hold = Some(on);
            Ok(())
        })
        .await?;
        Ok(dto::PutObjectLegalHoldOutput::default())
    }

    pub(super) async fn get_object_legal_hold(
        &self,
        input: dto::GetObjectLegalHoldInput,
        _: Intake,
    ) -> Result<dto::GetObjectLegalHoldOutput, Fault> {
        let record = self
            .lockable(input.bucket, input.key, input.version_id)
            .await?;
        let on = record.lock.legal_hold.ok_or(Fault::NoObjectLock)?;
        let status = dto::ObjectLockLegalHoldStatus::from_static(wire::hold_name(on));
        Ok(dto::GetObjectLegalHoldOutput {
            legal_hold: Some(dto::ObjectLockLegalHold {
                status: Some(status),
            }),
        })
    }

    async fn lockable(
        &self,
        bucket: String,
        key: String,
        version_id: Option<String>,
    ) -> Result<VersionRecord, Fault> {
        let which = VersionRef::parse(version_id.as_deref())?;
        self.read(move |view| {
            let bucket = view.bucket(&bucket)?;
            require_lock(&bucket)?;
            view.object(&bucket, &key, which)
        })
        .await
    }

    async fn relock(
        &self,
        bucket: String,
        key: String,
        version_id: Option<String>,
        change: impl FnOnce(&mut VersionRecord) -> Result<(), Fault> + Send + 'static,
    ) -> Result<(), Fault> {
        let which = VersionRef::parse(version_id.as_deref())?;
        self.index
            .write(move |tables| {
                let bucket = tables.bucket(&bucket)?;
                require_lock(&bucket)?;
                let mut record = with_bytes(tables.version(bucket.id, &key, which)?, which)?;
                change(&mut record)?;
                tables.amend_version(bucket.id, &key, &record)
            })
            .await
    }
}

/// The retention that a bucket's default gives a version written at `now`.
pub(super) fn default_retention(rule: (LockMode, i32, bool), now: Moment) -> Retention {
    let (mode, number, years) = rule;
    let days = i64::from(number) * if years { DAYS_IN_YEAR } else { 1 };
    Retention {
        mode,
        until: Moment(now.0.saturating_add(days.saturating_mul(DAY))),
    }
}

/// Whether retention may become `to`: it may always grow; while it binds, only bypass of governance
/// mode shortens or lifts it or makes it compliance.
fn allow_retention(
    from: Option<Retention>,
    to: Option<Retention>,
    now: Moment,
    bypass: bool,
) -> Result<(), Fault> {
    if to.is_some_and(|to| to.until <= now) {
        return Err(Fault::InvalidArgument(
            "The retain until date must be in the future!",
        ));
    }
    let Some(from) = from.filter(|from| from.binds(now, bypass)) else {
        return Ok(());
    };
    let grows = to.is_some_and(|to| to.until >= from.until);
    let keeps_mode = to.is_some_and(|to| to.mode == from.mode);
    if grows && keeps_mode {
        Ok(())
    } else {
        Err(Fault::Locked)
    }
}

fn default_rule(rule: dto::DefaultRetention) -> Result<(LockMode, i32, bool), Fault> {
    let mode = rule.mode.ok_or(Fault::MalformedXml)?;
    let mode = wire::lock_mode(mode.as_str()).map_err(|_| Fault::MalformedXml)?;
    match (rule.days, rule.years) {
        (Some(days @ 1..), None) => Ok((mode, days, false)),
        (None, Some(years @ 1..)) => Ok((mode, years, true)),
        (Some(_), None) | (None, Some(_)) => Err(Fault::InvalidRetentionPeriod),
        _ => Err(Fault::MalformedXml),
    }
}

fn require_lock(bucket: &BucketRecord) -> Result<(), Fault> {
    if bucket.lock.is_none() {
        return Err(Fault::InvalidRequest(
            "Bucket is missing Object Lock Configuration",
        ));
    }
    Ok(())
}

fn retention_mode(mode: LockMode) -> dto::ObjectLockRetentionMode {
    dto::ObjectLockRetentionMode::from_static(wire::lock_mode_name(mode))
}

/// Milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;
const DAYS_IN_YEAR: i64 = 365;
