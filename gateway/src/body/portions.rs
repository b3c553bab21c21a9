//! One plaintext cut into consecutive portions, each of which is sealed as a part of its own.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use sealed_object::Facts;

use super::PlainSource;
use crate::error::GatewayError;

/// A source that is read portion after portion.
#[derive(Debug)]
pub struct Portions<P>(Arc<Mutex<Shared<P>>>);

#[derive(Debug)]
struct Shared<P> {
    source: P,
    /// What the source gave beyond the end of a portion.
    kept: Bytes,
}

/// The next so many bytes of a source. The last portion ends only when the source does, that is after
/// its last check.
#[derive(Debug)]
pub struct Portion<P> {
    shared: Arc<Mutex<Shared<P>>>,
    left: u64,
    is_last: bool,
}

impl<P: PlainSource> Portions<P> {
    /// Of a source nobody has read from.
    pub fn new(source: P) -> Self {
        Self(Arc::new(Mutex::new(Shared {
            source,
            kept: Bytes::new(),
        })))
    }

    /// The next `length` bytes. One portion is read to its end before the next is asked for.
    pub fn next(&self, length: u64, is_last: bool) -> Portion<P> {
        Portion {
            shared: Arc::clone(&self.0),
            left: length,
            is_last,
        }
    }
}

impl<P: PlainSource> PlainSource for Portion<P> {
    fn poll_plain(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, GatewayError>>> {
        if self.left == 0 && !self.is_last {
            return Poll::Ready(None);
        }
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let mut piece = std::mem::take(&mut shared.kept);
        if piece.is_empty() {
            piece = match ready!(shared.source.poll_plain(context)) {
                Some(Ok(piece)) => piece,
                end => return Poll::Ready(end),
            };
        }
        let room = usize::try_from(self.left).unwrap_or(usize::MAX);
        if piece.len() > room && !self.is_last {
            shared.kept = piece.split_off(room);
        }
        let taken = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.left = self.left.saturating_sub(taken);
        Poll::Ready(Some(Ok(piece)))
    }

    fn facts(&self) -> Facts {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.source.facts()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    struct Pieces(Vec<&'static str>);

    impl PlainSource for Pieces {
        fn poll_plain(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, GatewayError>>> {
            if self.0.is_empty() {
                return Poll::Ready(None);
            }
            Poll::Ready(Some(match self.0.remove(0) {
                "" => Err(GatewayError::Unexpected("the check failed")),
                piece => Ok(Bytes::from_static(piece.as_bytes())),
            }))
        }

        fn facts(&self) -> Facts {
            Facts::default()
        }
    }

    fn read(mut portion: Portion<Pieces>) -> Result<String, GatewayError> {
        let mut context = Context::from_waker(Waker::noop());
        let mut all = String::new();
        while let Poll::Ready(Some(piece)) = portion.poll_plain(&mut context) {
            all += std::str::from_utf8(&piece?).unwrap();
        }
        Ok(all)
    }

    #[test]
    fn portions_follow_each_other_wherever_pieces_end() {
        for pieces in [
            vec!["abcdefghij"],
            vec!["ab", "cd", "ef", "gh", "ij"],
            vec!["abcde", "fghi", "j"],
        ] {
            let portions = Portions::new(Pieces(pieces));
            assert_eq!(read(portions.next(4, false)).unwrap(), "abcd");
            assert_eq!(read(portions.next(4, false)).unwrap(), "efgh");
            assert_eq!(read(portions.next(2, true)).unwrap(), "ij");
        }
    }

    #[test]
    fn the_last_portion_waits_for_the_last_check() {
        let portions = Portions::new(Pieces(vec!["abcd", ""]));
        assert_eq!(read(portions.next(2, false)).unwrap(), "ab");
        assert!(read(portions.next(2, true)).is_err());
        // More than was announced is handed on, for the sealer to refuse.
        let portions = Portions::new(Pieces(vec!["abcd"]));
        assert_eq!(read(portions.next(2, true)).unwrap(), "abcd");
    }
}
