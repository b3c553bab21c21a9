//! What one tenant may take of this replica, so that it leaves something for the others: requests and bytes a second,
//! requests at once, the size of an object. It must not know what requests mean beyond that.

mod meter;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::body::{Answer, Upload};
use crate::clock::Clock;
use crate::config::{TenantConfig, TenantLimits};
use crate::control::ControlError;
use crate::directory::Directory;
use crate::error::GatewayError;
use crate::s3::{Code, Operation, S3Error, S3Request};
use crate::telemetry::Telemetry;
use crate::upstream::{BoxError, StoreBody};

pub use meter::Meter;

/// The limits of all tenants.
#[derive(Debug)]
pub struct Limits {
    /// Of the configuration.
    tenants: BTreeMap<String, Arc<Tenant>>,
    /// Of tenants that the admin API made, with what they were made from.
    made: Cache<String, (TenantLimits, Arc<Tenant>)>,
    directory: Arc<Directory>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
}

#[derive(Debug)]
struct Tenant {
    requests: Option<Meter>,
    bytes: Option<Arc<Meter>>,
    places: Option<Arc<Semaphore>>,
    largest_object: Option<u64>,
}

/// A limit, by its name in the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Requests a second.
    Requests,
    /// Bytes a second.
    Bytes,
    /// Requests at once.
    AtOnce,
    /// Bytes of an object.
    ObjectSize,
}

impl Limit {
    /// All, for the metrics.
    pub const ALL: [Self; 4] = [Self::Requests, Self::Bytes, Self::AtOnce, Self::ObjectSize];

    /// The name in the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests_per_second",
            Self::Bytes => "bytes_per_second",
            Self::AtOnce => "requests_at_once",
            Self::ObjectSize => "largest_object_bytes",
        }
    }
}

/// What a request takes until its answer has left.
#[derive(Debug, Default)]
pub struct Taken {
    bytes: Option<Arc<Meter>>,
    place: Option<OwnedSemaphorePermit>,
}

impl Limits {
    /// The limits that the tenants declare; those of others are in `directory`.
    pub fn declared(
        tenants: &[TenantConfig],
        directory: Arc<Directory>,
        telemetry: Arc<Telemetry>,
        clock: Clock,
    ) -> Self {
        let tenants = tenants
            .iter()
            .map(|tenant| (tenant.id.clone(), Arc::new(Tenant::of(&tenant.limits))));
        Self {
            tenants: tenants.collect(),
            made: Cache::new(MOST_MADE),
            directory,
            telemetry,
            clock,
        }
    }

    /// The limits of a tenant; what it took counts on while they stay what they are.
    async fn of(&self, tenant: &str) -> Result<Arc<Tenant>, ControlError> {
        if let Some(declared) = self.tenants.get(tenant) {
            return Ok(Arc::clone(declared));
        }
        let limits = self.directory.settings(tenant).await?.limits;
        if let Some((from, known)) = self.made.get(tenant)
            && from == limits
        {
            return Ok(known);
        }
        let made = Arc::new(Tenant::of(&limits));
        self.made
            .insert(tenant.to_owned(), (limits, Arc::clone(&made)));
        Ok(made)
    }

    /// Lets a tenant's request in, or says that there are too many; its body is counted as it arrives.
    pub async fn admit(
        &self,
        tenant: &str,
        request: &S3Request,
        body: &Upload,
    ) -> Result<Taken, GatewayError> {
        let limits = self.of(tenant).await?;
        self.admit_within(&limits, tenant, (request, body))
            .map_err(GatewayError::from)
    }

    fn admit_within(
        &self,
        limits: &Tenant,
        tenant: &str,
        (request, body): (&S3Request, &Upload),
    ) -> Result<Taken, S3Error> {
        let now = self.clock.now();
        if let Some(size) = announced(request) {
            self.fits(tenant, size)?;
        }
        let slow = |limit| {
            self.refused(
                limit,
                Code::SlowDown.because("Please reduce your request rate."),
            )
        };
        if limits
            .bytes
            .as_ref()
            .is_some_and(|meter| !meter.admits(0, now))
        {
            return Err(slow(Limit::Bytes));
        }
        let place = match &limits.places {
            None => None,
            Some(places) => {
                let place = Arc::clone(places).try_acquire_owned();
                Some(place.map_err(|_| slow(Limit::AtOnce))?)
            }
        };
        if limits
            .requests
            .as_ref()
            .is_some_and(|meter| !meter.admits(1, now))
        {
            return Err(slow(Limit::Requests));
        }
        if let Some(meter) = &limits.bytes {
            body.charge_to(Arc::clone(meter), self.clock.clone());
        }
        Ok(Taken {
            bytes: limits.bytes.clone(),
            place,
        })
    }

    /// Refuses an object of so many bytes of plaintext where the tenant may not store it.
    pub fn fits(&self, tenant: &str, bytes: u64) -> Result<(), S3Error> {
        // Its request was let in, so that its limits are known.
        let made = || self.made.get(tenant).map(|(_, limits)| limits);
        let limits = self.tenants.get(tenant).cloned().or_else(made);
        match limits.and_then(|limits| limits.largest_object) {
            Some(largest) if bytes > largest => Err(self.refused(
                Limit::ObjectSize,
                Code::EntityTooLarge
                    .because("Your proposed upload exceeds the largest object that your tenant may store.")
                    .with("MaxSizeAllowed", largest.to_string()),
            )),
            _ => Ok(()),
        }
    }

    /// An answer that keeps what its request takes until it has left, and is counted.
    pub fn keep(&self, answer: Answer, taken: Taken) -> Answer {
        match answer {
            Answer::Ready(bytes) => {
                if let Some(meter) = &taken.bytes {
                    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                    meter.charge(length, self.clock.now());
                }
                Answer::Ready(bytes)
            }
            Answer::Stream(inner) => Answer::stream(Kept {
                inner,
                taken,
                clock: self.clock.clone(),
            }),
        }
    }

    fn refused(&self, limit: Limit, error: S3Error) -> S3Error {
        self.telemetry.limited(limit);
        error
    }
}

impl Tenant {
    fn of(limits: &TenantLimits) -> Self {
        Self {
            requests: limits.requests_per_second.map(Meter::new),
            bytes: limits
                .bytes_per_second
                .map(|rate| Arc::new(Meter::new(rate))),
            places: limits.requests_at_once.map(|places| {
                let places = usize::try_from(places).unwrap_or(Semaphore::MAX_PERMITS);
                Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)))
            }),
            largest_object: limits.largest_object,
        }
    }
}

/// Bytes that the head of a request says it brings for an object.
fn announced(request: &S3Request) -> Option<u64> {
    use Operation as Op;
    match request.operation {
        Op::PutObject | Op::UploadPart => {
            let chunked = request.headers.contains_key("x-amz-decoded-content-length");
            request.body_length(chunked).ok()
        }
        _ => None,
    }
}

const MOST_MADE: u64 = 10_000;

/// An answer that leaves.
struct Kept {
    inner: StoreBody,
    taken: Taken,
    clock: Clock,
}

impl Body for Kept {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if let (Some(Ok(frame)), Some(meter)) = (&frame, &self.taken.bytes) {
            let length = frame.data_ref().map_or(0, Bytes::len);
            meter.charge(u64::try_from(length).unwrap_or(u64::MAX), self.clock.now());
        }
        if frame.is_none() {
            self.taken.place = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
