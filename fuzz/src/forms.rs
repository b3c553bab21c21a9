//! Form uploads as a stranger may write them: the form itself, and the policy that its signer made.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gateway::s3::form::{Boundary, FileScanner, Form, FormPolicy, HeadReader};
use time::OffsetDateTime;

use crate::Outcome;

/// A form is the same at any splitting, and when it is written anew. The input is how long its pieces are, then the
/// body of a form whose boundary is `b`.
pub fn form(data: &[u8]) -> Outcome {
    let Some((step, body)) = data.split_first() else {
        return Outcome::Refused;
    };
    let whole = read(body, body.len());
    let split = read(body, usize::from(*step));
    assert_eq!(whole, split, "pieces of {step}");
    let Some((fields, file_name, file)) = whole else {
        return Outcome::Refused;
    };
    let is_plain = |text: &str| !text.contains(['"', '\\', '\r', '\n']);
    if is_plain(&file_name) && fields.iter().all(|(name, _)| is_plain(name)) {
        let mut anew = Vec::new();
        for (name, value) in &fields {
            let head = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
            anew.extend([head.as_bytes(), value.as_bytes(), b"\r\n"].concat());
        }
        let head = format!(
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{file_name}\"\r\n\r\n"
        );
        anew.extend([head.as_bytes(), &file, b"\r\n--b--\r\n"].concat());
        assert_eq!(read(&anew, 7), Some((fields, file_name, file)));
    }
    Outcome::Accepted
}

/// What a policy allows names the bucket, covers every field, and ends. The input is a policy's document, a zero,
/// and the fields of a form, one a line.
pub fn form_policy(data: &[u8]) -> Outcome {
    let mut halves = data.splitn(2, |byte| *byte == 0);
    let document = halves.next().unwrap_or_default();
    let fields = String::from_utf8_lossy(halves.next().unwrap_or_default());
    let fields: Vec<(String, String)> = fields
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let Ok(policy) = FormPolicy::parse(&STANDARD.encode(document)) else {
        return Outcome::Refused;
    };
    let lengths = policy.lengths();
    for length in [0, 1, 9, u64::MAX, lengths.least, lengths.most] {
        let allowed = (lengths.least..=lengths.most).contains(&length);
        assert_eq!(lengths.check(length, length).is_ok(), allowed);
    }
    let now = OffsetDateTime::from_unix_timestamp(1_795_000_000).expect("it is a moment of 2026");
    let allows = |fields: Vec<(String, String)>, at| {
        Form::new(fields, "").is_ok_and(|form| policy.check(&form, "bucket", at).is_ok())
    };
    if allows(fields.clone(), now) {
        let text = String::from_utf8_lossy(document).to_ascii_lowercase();
        assert!(text.contains("bucket"), "the bucket has a condition");
        let uncovered = [
            fields.clone(),
            vec![("x-amz-meta-nobody-said".to_owned(), String::new())],
        ];
        assert!(text.contains("nobody-said") || !allows(uncovered.concat(), now));
        let end = time::macros::datetime!(9999-12-31 23:59:59 UTC);
        assert!(text.contains("9999") || !allows(fields, end));
    }
    Outcome::Accepted
}

type Read = (Vec<(String, String)>, String, Vec<u8>);

fn read(body: &[u8], step: usize) -> Option<Read> {
    let boundary = Boundary::of("multipart/form-data; boundary=b").ok()?;
    let mut head = HeadReader::new(boundary.clone());
    let mut pieces = body.chunks(step.max(1));
    let head = loop {
        if let Some(head) = head.push(pieces.next()?).ok()? {
            break head;
        }
    };
    let mut scanner = FileScanner::new(&boundary);
    let mut file = scanner.push(&head.rest).ok()?.to_vec();
    for piece in pieces {
        file.extend_from_slice(&scanner.push(piece).ok()?);
    }
    scanner.finish().ok()?;
    Some((head.fields, head.file_name, file))
}
