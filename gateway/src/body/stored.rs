//! Stored bytes as they arrive, asked for again from where they broke off.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;

use crate::upstream::{StoreBody, TransportError, UpstreamError};

/// The stored bytes from an offset on, on their way.
pub(super) type Rest = Pin<Box<dyn Future<Output = Result<StoreBody, UpstreamError>> + Send>>;

/// Asks the store for the bytes of the same object from an offset on, up to the same end. An answer about
/// any other object must be an error.
pub type AskAgain = Box<dyn Fn(u64) -> Rest + Send>;

/// A span of an object's stored bytes.
pub struct Stored {
    arriving: Arriving,
    /// Offset of the next byte in the stored object.
    next: u64,
    /// What the store sends beyond is not looked at.
    end: u64,
    again: Option<AskAgain>,
    /// How often in a row it broke off.
    breaks: u32,
    /// Where it broke off last.
    broke_at: u64,
}

enum Arriving {
    Body(StoreBody),
    Asked(Rest),
}

impl fmt::Debug for Stored {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Stored")
            .field("next", &self.next)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

impl Stored {
    /// The bytes from `start` to `end` of a stored object, which `body` begins with; the rest can be had
    /// by `again`.
    pub fn new(body: StoreBody, start: u64, end: u64, again: AskAgain) -> Self {
        Self {
            again: Some(again),
            ..Self::nothing(body, start, end)
        }
    }

    /// Nothing is wanted of what the store sends.
    pub fn none(body: StoreBody) -> Self {
        Self::nothing(body, 0, 0)
    }

    fn nothing(body: StoreBody, start: u64, end: u64) -> Self {
        Self {
            arriving: Arriving::Body(body),
            next: start,
            end,
            again: None,
            breaks: 0,
            broke_at: start,
        }
    }

    /// Whether all have arrived.
    pub fn is_whole(&self) -> bool {
        self.next >= self.end
    }

    /// Wants no more.
    pub fn stop(&mut self) {
        self.end = self.next;
    }

    /// The next bytes; `None` at the end, or where the store ends too early as if that were the end.
    pub fn poll_bytes(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, UpstreamError>>> {
        loop {
            if self.is_whole() {
                return Poll::Ready(None);
            }
            let broken = match &mut self.arriving {
                Arriving::Body(body) => match ready!(Pin::new(body).poll_frame(context)) {
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(bytes) if !bytes.is_empty() => {
                            return Poll::Ready(Some(Ok(self.count(bytes))));
                        }
                        _ => continue,
                    },
                    Some(Err(error)) => UpstreamError::from(TransportError(error)),
                    // It has no more, and says so in good order.
                    None => {
                        self.stop();
                        return Poll::Ready(None);
                    }
                },
                Arriving::Asked(rest) => match ready!(rest.as_mut().poll(context)) {
                    Ok(body) => {
                        self.arriving = Arriving::Body(body);
                        continue;
                    }
                    Err(error) => error,
                },
            };
            if let Err(broken) = self.ask_again(broken) {
                self.stop();
                return Poll::Ready(Some(Err(broken)));
            }
        }
    }

    fn count(&mut self, mut bytes: Bytes) -> Bytes {
        let left = self.end.saturating_sub(self.next);
        bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        self.next = self
            .next
            .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        bytes
    }

    /// Asks for the rest, or says why that is hopeless. A refusal of the rest answers a question that the
    /// client did not ask: to it, the exchange broke.
    fn ask_again(&mut self, broken: UpstreamError) -> Result<(), UpstreamError> {
        if self.next.saturating_sub(self.broke_at) >= PROGRESS {
            self.breaks = 0;
        }
        let again = self.again.as_ref();
        let Some(again) = again.filter(|_| broken.may_pass() && self.breaks < MOST_BREAKS) else {
            return Err(TransportError(broken.into()).into());
        };
        tracing::warn!(
            next = self.next,
            error = crate::error::report(&broken),
            "the store broke off in the middle of an object; it is asked for the rest"
        );
        let wait = FIRST_WAIT * 2_u32.saturating_pow(self.breaks);
        let rest = again(self.next);
        self.breaks = self.breaks.saturating_add(1);
        self.broke_at = self.next;
        self.arriving = Arriving::Asked(Box::pin(async move {
            tokio::time::sleep(wait).await;
            rest.await
        }));
        Ok(())
    }
}

/// How often in a row the store may break off with less than [`PROGRESS`] between.
const MOST_BREAKS: u32 = 3;
const PROGRESS: u64 = 256 * 1024;
const FIRST_WAIT: Duration = Duration::from_millis(20);
