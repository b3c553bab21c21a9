//! Uploads that the gateway begins by itself for one request of a client, or for one object of a job. None outlives that:
//! where it fails, or nobody waits for it any more, the upload is ended. Knows nothing of what is in them.

use std::sync::Arc;

use http::Method;
use tokio::sync::{Mutex, mpsc};

use super::super::{Operations, Place};
use super::Ongoing;
use crate::error::{GatewayError, report};
use crate::upstream::StoreRequest;

/// An upload in the store.
#[derive(Debug)]
pub(super) struct Begun {
    place: Place,
    /// The store's id of it.
    upload: String,
    /// What is recorded of it in the system bucket, if anything can be.
    recorded: Option<Arc<Ongoing>>,
}

/// An upload for what is at hand. Dropped before it is settled, it is left to [`Operations::end_left_behind`].
pub(super) struct Own {
    begun: Option<Begun>,
    left_behind: Arc<LeftBehind>,
}

/// Uploads for which nobody waits any more.
#[derive(Debug)]
pub struct LeftBehind {
    sender: mpsc::Sender<Begun>,
    receiver: Mutex<mpsc::Receiver<Begun>>,
}

impl Default for LeftBehind {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(MOST_LEFT);
        Self {
            sender,
            receiver: Mutex::new(receiver),
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(begun) = self.begun.take()
            && self.left_behind.sender.try_send(begun).is_err()
        {
            tracing::warn!("an upload that was left stays behind: too many are waiting");
        }
    }
}

impl Operations {
    pub(super) fn own(&self, ongoing: &Arc<Ongoing>) -> Own {
        self.hold(Begun {
            place: ongoing.place.clone(),
            upload: ongoing.upload.upstream_id().to_owned(),
            recorded: Some(Arc::clone(ongoing)),
        })
    }

    /// The same for one of which nothing is recorded, by the store's id of it.
    pub(super) fn own_unrecorded(&self, place: &Place, upload: &str) -> Own {
        self.hold(Begun {
            place: place.clone(),
            upload: upload.to_owned(),
            recorded: None,
        })
    }

    fn hold(&self, begun: Begun) -> Own {
        Own {
            begun: Some(begun),
            left_behind: Arc::clone(&self.left_behind),
        }
    }

    /// Ends an upload of the gateway's own if `done` is an error; hands `done` back.
    pub(super) async fn settle<T, E>(&self, mut own: Own, done: Result<T, E>) -> Result<T, E> {
        if done.is_err()
            && let Some(begun) = &own.begun
        {
            self.end(begun).await;
        }
        own.begun = None;
        done
    }

    /// Ends the uploads that were left, one after the other, for as long as it is polled.
    pub async fn end_left_behind(&self) {
        let mut left = self.left_behind.receiver.lock().await;
        while let Some(begun) = left.recv().await {
            self.end(&begun).await;
        }
    }

    /// What it was for has failed for a reason of its own; what stays behind is swept by the bucket's lifecycle rule, so
    /// a failure here is only logged.
    async fn end(&self, begun: &Begun) {
        let ended = match &begun.recorded {
            Some(ongoing) => self.abandon(ongoing).await,
            None => self.abort_in_store(&begun.place, &begun.upload).await,
        };
        if let Err(error) = ended {
            tracing::warn!(
                error = report(&error),
                "parts of a failed upload stay behind"
            );
        }
    }

    /// Ends an upload in the store without an object.
    pub(super) async fn abort_in_store(
        &self,
        place: &Place,
        upload: &str,
    ) -> Result<(), GatewayError> {
        let request = StoreRequest::object(Method::DELETE, &place.bucket.upstream, &place.key)
            .with_query("uploadId", upload);
        self.upstream.send(request).await?;
        Ok(())
    }
}

/// Each holds an upload id and a key; more clients than this that leave at once have found a store that does not
/// answer.
const MOST_LEFT: usize = 1024;
