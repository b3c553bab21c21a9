//! The end of a connection whose client may still be sending: its bytes are read and thrown away for a moment,
//! because a socket that is closed with unread bytes is reset, and a reset takes the answer away from the client.
//! Knows nothing of requests.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// A stream that, once `unread` is set, listens on after it was shut down: to the end, to
/// [`MOST_THROWN_AWAY`] bytes, or for [`LONGEST`].
#[derive(Debug)]
pub(super) struct Farewell<S> {
    stream: S,
    unread: Arc<AtomicBool>,
    listening: Option<Listening>,
}

#[derive(Debug)]
struct Listening {
    left: usize,
    until: Pin<Box<Sleep>>,
}

impl<S> Farewell<S> {
    pub(super) fn new(stream: S, unread: Arc<AtomicBool>) -> Self {
        Self {
            stream,
            unread,
            listening: None,
        }
    }
}

impl Listening {
    fn begin() -> Self {
        Self {
            left: MOST_THROWN_AWAY,
            until: Box::pin(tokio::time::sleep(LONGEST)),
        }
    }

    /// Ready when there is nothing more to wait for. What goes wrong now concerns nobody.
    fn poll<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let mut bytes = [0; 16 * 1024];
        while self.left > 0 && self.until.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut bytes);
            let read = ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                break;
            }
            self.left = self.left.saturating_sub(buffer.filled().len());
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Farewell<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Farewell<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.listening.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
            if !this.unread.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(()));
            }
        }
        let listening = this.listening.get_or_insert_with(Listening::begin);
        listening.poll(&mut this.stream, context).map(Ok)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

const MOST_THROWN_AWAY: usize = 1024 * 1024;
const LONGEST: Duration = Duration::from_secs(2);
