//! Uploads that the gateway begins by itself for one request of a client. None outlives its request: where that
//! fails, or its client leaves in the middle, the upload is ended. Knows nothing of what is in them.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};

use super::super::Operations;
use super::Ongoing;
use crate::error::report;

/// An upload for the request at hand. Dropped before it is settled, it is left to [`Operations::end_left_behind`].
pub(super) struct Own {
    /// The upload.
    pub(super) ongoing: Arc<Ongoing>,
    left_behind: Arc<LeftBehind>,
    settled: bool,
}

/// Uploads whose requests are gone.
#[derive(Debug)]
pub struct LeftBehind {
    sender: mpsc::Sender<Arc<Ongoing>>,
    receiver: Mutex<mpsc::Receiver<Arc<Ongoing>>>,
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
        let ongoing = Arc::clone(&self.ongoing);
        if !self.settled && self.left_behind.sender.try_send(ongoing).is_err() {
            tracing::warn!("an upload that its client left stays behind: too many are waiting");
        }
    }
}

impl Operations {
    pub(super) fn own(&self, ongoing: Ongoing) -> Own {
        Own {
            ongoing: Arc::new(ongoing),
            left_behind: Arc::clone(&self.left_behind),
            settled: false,
        }
    }

    /// Ends an upload of the gateway's own if `done` is an error; hands `done` back.
    pub(super) async fn settle<T, E>(&self, mut own: Own, done: Result<T, E>) -> Result<T, E> {
        if done.is_err() {
            self.end(&own.ongoing).await;
        }
        own.settled = true;
        done
    }

    /// Ends the uploads of requests whose clients left, one after the other, for as long as it is polled.
    pub async fn end_left_behind(&self) {
        let mut left = self.left_behind.receiver.lock().await;
        while let Some(ongoing) = left.recv().await {
            self.end(&ongoing).await;
        }
    }

    /// The request has failed for a reason of its own; what stays behind is swept by the bucket's lifecycle rule, so
    /// a failure here is only logged.
    async fn end(&self, ongoing: &Ongoing) {
        if let Err(error) = self.abandon(ongoing).await {
            tracing::warn!(
                error = report(&error),
                "parts of a failed upload stay behind"
            );
        }
    }
}

/// Each holds an upload id and a key; more clients than this that leave at once have found a store that does not
/// answer.
const MOST_LEFT: usize = 1024;
