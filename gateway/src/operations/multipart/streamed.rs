//! A file whose length is known only roughly, as an object of two parts that the gateway itself makes: one of a
//! length that is certain, and the rest.

use std::sync::{Arc, Mutex};

use http::{Response, StatusCode};
use sealed_object::{PartToken, Plain};

use super::super::store_headers::{mark_sealed, pass_written_facts, set};
use super::super::{Answered, Call, Operations};
use super::Ongoing;
use super::checksums::Told;
use crate::body::{Answer, Beginning, FormFile};
use crate::error::GatewayError;

impl Operations {
    /// Seals the first `certain` bytes of `file` as they arrive, at least 5 MiB, then the rest, at most `rest`
    /// bytes. Nothing is committed before every check of the file passed.
    pub(crate) async fn put_in_two_parts(
        &self,
        call: &Call,
        file: FormFile,
        certain: u64,
        rest: usize,
    ) -> Answered {
        let ongoing = Arc::new(self.begin(call, None).await?);
        let own = self.own(&ongoing);
        let stored = self.send_both(call, &ongoing, file, certain, rest).await;
        self.settle(own, stored).await
    }

    async fn send_both(
        &self,
        call: &Call,
        ongoing: &Ongoing,
        file: FormFile,
        certain: u64,
        rest: usize,
    ) -> Answered {
        let file = Arc::new(Mutex::new(file));
        let first = Beginning::new(Arc::clone(&file), certain);
        let (first, _) = self.store_part(ongoing, 1, Plain(certain), first).await?;
        // The store has taken the first part, so nobody else holds the file.
        let mut file = Arc::into_inner(file)
            .and_then(|file| file.into_inner().ok())
            .ok_or(GatewayError::Unexpected(
                "a form's file is still being read",
            ))?;
        let rest = file.rest(rest).await?;
        let size = certain.saturating_add(rest.length());
        call.leave
            .again(|context| context.size = Some(size))
            .await?;
        let mut tokens = vec![first];
        if rest.length() > 0 {
            let length = Plain(rest.length());
            tokens.push(self.store_part(ongoing, 2, length, rest).await?.0);
        }
        let tokens: Vec<PartToken> = tokens
            .iter()
            .map(|token| PartToken::parse(token, &ongoing.upload))
            .collect::<Result<_, _>>()?;
        let committed = self
            .commit(call, ongoing, &tokens, &Told::alone(&tokens)?)
            .await?;
        let mut response = Response::new(Answer::empty());
        *response.status_mut() = StatusCode::OK;
        let headers = response.headers_mut();
        pass_written_facts(&committed.store, headers);
        set(headers, "etag", &format!("\"{}\"", committed.etag));
        mark_sealed(&ongoing.place, ongoing.kek_id, headers);
        response.extensions_mut().insert(committed.facts);
        Ok(response)
    }
}
