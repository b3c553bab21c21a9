//! The receipt of an upload: what was uploaded, when and by whom, and the proof that the trail says so. Checked offline,
//! and against the file itself.

use std::io::{self, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::signed::{Checkpoint, NoteError, VerifyingKey, certified_key};
use crate::tree::{Hash, leaf_hash, sha256, verify_inclusion};

/// A receipt, as it is stored and given out: JSON. Texts are kept exactly, for they are hashed and signed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Receipt {
    /// [`RECEIPT`].
    pub kind: String,
    /// The [`Statement`], as the JSON text whose hash the line has.
    pub statement: String,
    /// The line of the trail, without its line feed.
    pub line: String,
    /// C2SP tlog-proof of the line.
    pub proof: String,
    /// The certificate of the key that signed the proof's checkpoint.
    pub certificate: String,
}

/// What a receipt says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// 1.
    pub v: u64,
    /// 16 random bytes in base64, so that the hash in the trail does not give the statement away.
    pub salt: String,
    /// Whose object.
    pub tenant: String,
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its version, where the bucket has versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The id in its sealed header, in hex.
    pub object_id: String,
    /// Bytes of plaintext.
    pub size: u64,
    /// `blake3` (256 bits) or `sha256`.
    pub algorithm: String,
    /// In hex: of the plaintext; with `parts`, of the list of the parts' lengths (8 bytes, big-endian) and digests.
    pub digest: String,
    /// The lengths of the parts that it was uploaded in, if those are more than one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<u64>,
    /// Who uploaded it: the principal.
    pub uploader: String,
    /// The access key it was signed with.
    pub credential: String,
    /// When, RFC 3339 in UTC, by the gateway's clock.
    pub time: String,
}

/// Why a receipt proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptProblem {
    /// It is no receipt, or a part of it is not what it should be.
    #[error("it is no receipt: its {0} cannot be read")]
    Malformed(&'static str),
    /// A signature.
    #[error("its {0} is not signed by the key that it should be signed by")]
    NotSigned(&'static str, #[source] NoteError),
    /// The proof does not lead from the line to what was signed.
    #[error("its proof does not lead from the line to the signed checkpoint")]
    Proof,
    /// The line is about something else.
    #[error("the trail's line does not vouch for this statement")]
    Statement,
    /// The file is not what was uploaded.
    #[error("the file is not what was uploaded: {0}")]
    File(&'static str),
    /// The file cannot be read.
    #[error("the file cannot be read")]
    Read(#[from] io::Error),
}

/// A receipt that verifies.
#[derive(Clone, Debug, Serialize)]
pub struct Verified {
    /// What it says.
    pub statement: Statement,
    /// In which log.
    pub log: String,
    /// The line's number there.
    pub seq: u64,
    /// How many lines the signed checkpoint is over.
    pub size: u64,
}

#[derive(Deserialize)]
struct Line {
    v: u64,
    log: String,
    seq: u64,
    #[serde(default)]
    tenant: String,
    #[serde(default)]
    bucket: String,
    receipt: Option<String>,
}

/// Checks a receipt: statement → line → tree → checkpoint → certificate → the deployment's key.
pub fn verify_receipt(receipt: &Receipt, key: &VerifyingKey) -> Result<Verified, ReceiptProblem> {
    if receipt.kind != RECEIPT {
        return Err(ReceiptProblem::Malformed("kind"));
    }
    let statement: Statement = serde_json::from_str(&receipt.statement)
        .map_err(|_| ReceiptProblem::Malformed("statement"))?;
    let line: Line =
        serde_json::from_str(&receipt.line).map_err(|_| ReceiptProblem::Malformed("line"))?;
    let vouched = line.v == 2
        && line.receipt.as_deref() == Some(&STANDARD.encode(sha256(receipt.statement.as_bytes())))
        && (&line.tenant, &line.bucket) == (&statement.tenant, &statement.bucket);
    if !vouched {
        return Err(ReceiptProblem::Statement);
    }
    let (origin, log_key) = certified_key(&receipt.certificate, key)
        .map_err(|error| ReceiptProblem::NotSigned("certificate", error))?;
    let (index, hashes, note) =
        proof_of(&receipt.proof).ok_or(ReceiptProblem::Malformed("proof"))?;
    let checkpoint = Checkpoint::open(note, &log_key).map_err(|error| match error {
        crate::signed::CheckpointError::Note(note) => ReceiptProblem::NotSigned("checkpoint", note),
        crate::signed::CheckpointError::Malformed => ReceiptProblem::Malformed("checkpoint"),
    })?;
    let expected = format!("{}/{}", key.name(), line.log);
    if origin != expected || checkpoint.origin != expected || index != line.seq {
        return Err(ReceiptProblem::Proof);
    }
    let leaf = leaf_hash(receipt.line.as_bytes());
    verify_inclusion(&leaf, index, checkpoint.size, &hashes, &checkpoint.root)
        .map_err(|_| ReceiptProblem::Proof)?;
    Ok(Verified {
        statement,
        log: line.log,
        seq: line.seq,
        size: checkpoint.size,
    })
}

impl Statement {
    /// Whether a file is what was uploaded.
    pub fn check(&self, mut file: impl Read) -> Result<(), ReceiptProblem> {
        let whole = [self.size];
        let parts = if self.parts.is_empty() {
            &whole[..]
        } else {
            &self.parts
        };
        let mut list = Vec::new();
        for length in parts {
            let (digest, read) = digest(&self.algorithm, (&mut file).take(*length))?;
            if read != *length {
                return Err(ReceiptProblem::File("it is shorter"));
            }
            list.push((*length, digest));
        }
        if file.read(&mut [0])? > 0 {
            return Err(ReceiptProblem::File("it is longer"));
        }
        let found = match list.as_slice() {
            [(_, only)] => *only,
            many => {
                let list: Vec<u8> = many
                    .iter()
                    .flat_map(|(length, digest)| [&length.to_be_bytes()[..], digest].concat())
                    .collect();
                digest_of(&self.algorithm, list.as_slice())?
            }
        };
        let found = hex::encode(found);
        if found == self.digest {
            Ok(())
        } else {
            Err(ReceiptProblem::File("its digest is another"))
        }
    }
}

/// Index, hashes and checkpoint of a C2SP tlog-proof.
fn proof_of(proof: &str) -> Option<(u64, Vec<Hash>, &str)> {
    let (head, note) = proof.split_once("\n\n")?;
    let mut lines = head.lines();
    if lines.next()? != "c2sp.org/tlog-proof@v1" {
        return None;
    }
    let index = lines.next()?.strip_prefix("index ")?.parse().ok()?;
    let hash = |line: &str| STANDARD.decode(line).ok()?.try_into().ok();
    Some((index, lines.map(hash).collect::<Option<_>>()?, note))
}

fn digest_of(algorithm: &str, bytes: &[u8]) -> Result<Hash, ReceiptProblem> {
    digest(algorithm, bytes).map(|(digest, _)| digest)
}

/// The digest of all that is read, and how much that was.
fn digest(algorithm: &str, mut from: impl Read) -> Result<(Hash, u64), ReceiptProblem> {
    let mut blake3 = blake3::Hasher::new();
    let mut sha256 = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let is_blake3 = match algorithm {
        "blake3" => true,
        "sha256" => false,
        _ => return Err(ReceiptProblem::Malformed("algorithm")),
    };
    let (mut buffer, mut length) = (vec![0; 1 << 16], 0_u64);
    loop {
        let read = from.read(&mut buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        length = length.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        if is_blake3 {
            blake3.update(bytes);
        } else {
            sha256.update(bytes);
        }
    }
    let digest = if is_blake3 {
        *blake3.finalize().as_bytes()
    } else {
        sha256.finish().as_ref().try_into().unwrap_or_default()
    };
    Ok((digest, length))
}

/// The kind of a receipt.
pub const RECEIPT: &str = "sealgate audit receipt v1";
