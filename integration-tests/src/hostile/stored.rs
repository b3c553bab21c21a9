//! An object as a store holds it, served as a store serves it: whole, by range, by HEAD, under If-Match. It
//! does not know what its bytes mean.

use super::Message;

/// Headers and body of an object; either may be forged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The store's answer to a GET of all of it.
    pub whole: Message,
}

impl Stored {
    /// The answer to `request`, a GET or HEAD of this object.
    pub fn serve(&self, request: &Message) -> Message {
        let etag = self.whole.header("etag").unwrap_or_default();
        let wanted = request.header("if-match");
        if wanted.is_some_and(|wanted| wanted != etag) {
            return failure("412 Precondition Failed", "PreconditionFailed");
        }
        let mut answer = self.whole.clone();
        let body = &self.whole.body;
        if let Some(range) = request.header("range") {
            let Some((first, end)) = bounds(range, body.len()) else {
                return failure("416 Range Not Satisfiable", "InvalidRange");
            };
            "HTTP/1.1 206 Partial Content".clone_into(&mut answer.start);
            let last = end.saturating_sub(1);
            answer.set(
                "content-range",
                &format!("bytes {first}-{last}/{}", body.len()),
            );
            answer.set_body(body.get(first..end).unwrap_or_default().to_vec());
        } else {
            answer.set_body(body.clone());
        }
        answer
    }
}

/// First byte and end of what `bytes=…` names of `length`, or `None` where there is nothing.
pub fn bounds(range: &str, length: usize) -> Option<(usize, usize)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        let count: usize = last.parse().ok()?;
        let count = count.min(length);
        return (count > 0).then_some((length.saturating_sub(count), length));
    }
    let first: usize = first.parse().ok()?;
    let end = match last {
        "" => length,
        last => last.parse::<usize>().ok()?.saturating_add(1).min(length),
    };
    (first < end).then_some((first, end))
}

fn failure(status: &str, code: &str) -> Message {
    let mut answer = Message {
        start: format!("HTTP/1.1 {status}"),
        ..Message::default()
    };
    answer.set("content-type", "application/xml");
    answer.set_body(format!("<Error><Code>{code}</Code></Error>").into_bytes());
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_as_rfc_9110_says() {
        assert_eq!(bounds("bytes=0-0", 10), Some((0, 1)));
        assert_eq!(bounds("bytes=3-", 10), Some((3, 10)));
        assert_eq!(bounds("bytes=3-99", 10), Some((3, 10)));
        assert_eq!(bounds("bytes=-4", 10), Some((6, 10)));
        assert_eq!(bounds("bytes=-40", 10), Some((0, 10)));
        assert_eq!(bounds("bytes=10-", 10), None);
        assert_eq!(bounds("bytes=-0", 10), None);
    }
}
