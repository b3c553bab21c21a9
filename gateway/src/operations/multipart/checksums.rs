//! The checksum of an upload in parts: chosen when it begins, taken of each part, told when it is complete.

use sealed_object::{ChecksumChoice, ClientChecksum, Facts, PartChecksums, PartToken};

use super::super::checksums::value_of;
use crate::checksum::{
    Algorithm, ChecksumError, ChecksumType, DeclaredOfObject, ObjectChecksum, Value,
};
use crate::s3::xml::CompletedPart;
use crate::s3::{S3Error, S3Request};

/// The algorithm and type of the object's checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) algorithm: Algorithm,
    pub(super) kind: ChecksumType,
}

impl Chosen {
    /// What `CreateMultipartUpload` chooses; `None` leaves it to us, which means CRC64NVME of the object.
    pub(super) fn by(request: &S3Request) -> Result<Option<Self>, ChecksumFault> {
        let kind = request.text("x-amz-checksum-type")?;
        let kind = kind.map(ChecksumType::from_name).transpose()?;
        let Some(name) = request.text("x-amz-checksum-algorithm")? else {
            return match kind {
                None => Ok(None),
                Some(_) => Err(invalid(
                    "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header",
                )),
            };
        };
        let algorithm = Algorithm::from_name(name)?;
        let kind = kind.unwrap_or_else(|| algorithm.default_type());
        if algorithm.allows(kind) {
            return Ok(Some(Self { algorithm, kind }));
        }
        Err(invalid(&format!(
            "The {} checksum type cannot be used with the {} checksum algorithm",
            kind.name(),
            algorithm.name().to_lowercase()
        )))
    }

    /// What an upload id says was chosen.
    pub(super) fn of(choice: ChecksumChoice) -> Option<Self> {
        let kind = if choice.composite {
            ChecksumType::Composite
        } else {
            ChecksumType::FullObject
        };
        let algorithm = Algorithm::from_id(choice.algorithm)?;
        Some(Self { algorithm, kind })
    }

    /// The form in which an upload id carries it.
    pub(super) fn choice(self) -> ChecksumChoice {
        ChecksumChoice {
            algorithm: self.algorithm.id(),
            composite: self.kind == ChecksumType::Composite,
        }
    }

    /// Refuses a part whose client promises another algorithm, as Amazon S3 does.
    pub(super) fn check_part(self, promised: Option<Algorithm>) -> Result<(), ChecksumError> {
        match promised {
            Some(promised) if promised != self.algorithm => Err(ChecksumError::InvalidRequest {
                problem: format!(
                    "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
                    self.algorithm.name().to_lowercase(),
                    promised.name().to_lowercase()
                ),
            }),
            _ => Ok(()),
        }
    }
}

/// Why a request's word on checksums is refused: a header that cannot be read, or what it says.
#[derive(Debug)]
pub(super) enum ChecksumFault {
    Header(S3Error),
    Checksum(ChecksumError),
}

impl From<S3Error> for ChecksumFault {
    fn from(error: S3Error) -> Self {
        Self::Header(error)
    }
}

impl From<ChecksumError> for ChecksumFault {
    fn from(error: ChecksumError) -> Self {
        Self::Checksum(error)
    }
}

impl From<ChecksumFault> for crate::error::GatewayError {
    fn from(fault: ChecksumFault) -> Self {
        match fault {
            ChecksumFault::Header(error) => error.into(),
            ChecksumFault::Checksum(error) => crate::body::BodyError::from(error).into(),
        }
    }
}

/// What a part's token keeps of the checksum its client declared. CRC64NVME it has anyway.
pub(super) fn kept_of_part(facts: Facts) -> Facts {
    let is_crc64 = |kept: &ClientChecksum| kept.algorithm() == Algorithm::Crc64Nvme.id();
    Facts {
        client_checksum: facts.client_checksum.filter(|kept| !is_crc64(kept)),
        ..facts
    }
}

/// The checksum of a part: the one declared or chosen, else CRC64NVME.
pub(super) fn of_part(token: &PartToken) -> Value {
    token
        .client_checksum()
        .and_then(value_of)
        .unwrap_or_else(|| Value::of_crc64(token.crc64()))
}

fn of_part_by(token: &PartToken, algorithm: Algorithm) -> Option<Value> {
    if algorithm == Algorithm::Crc64Nvme {
        return Some(Value::of_crc64(token.crc64()));
    }
    Some(of_part(token)).filter(|value| value.algorithm() == algorithm)
}

/// The object's checksum with those of its parts, once it is known which parts it has.
pub(super) struct Told {
    pub(super) object: ObjectChecksum,
    parts: Vec<Value>,
}

/// Tells the object's checksum, and holds against it what the client states in `CompleteMultipartUpload`: of
/// each part and of the object. A part's checksum that is not listed is not missed, because its `ETag` says
/// which instance of the part is meant.
///
/// Fails with `InvalidPart` for a part listed with another checksum, `BadDigest` for another object's,
/// `InvalidRequest` for an algorithm or type that the parts were not uploaded with.
pub(super) fn tell(
    chosen: Option<Chosen>,
    tokens: &[PartToken],
    listed: &[CompletedPart],
    request: &S3Request,
) -> Result<Told, ChecksumFault> {
    for (token, part) in tokens.iter().zip(listed) {
        check_listed(token, part)?;
    }
    let stated = DeclaredOfObject::from_headers(&request.headers)?;
    let kind = request.text("x-amz-checksum-type")?;
    let kind = kind.map(ChecksumType::from_name).transpose()?;
    let by_default = || {
        let algorithm = stated
            .as_ref()
            .map_or(Algorithm::Crc64Nvme, |stated| stated.algorithm);
        let kind = kind.filter(|kind| algorithm.allows(*kind));
        let kind = kind.unwrap_or_else(|| algorithm.default_type());
        Chosen { algorithm, kind }
    };
    let chosen = chosen.unwrap_or_else(by_default);
    if kind.is_some_and(|kind| kind != chosen.kind) {
        return Err(invalid(&format!(
            "The upload was created using the {} checksum mode. The complete request must use the same checksum mode",
            chosen.kind.name()
        )));
    }
    let told = told(chosen, tokens)?;
    if let Some(stated) = stated {
        check_stated(&stated, &told, tokens)?;
    }
    Ok(told)
}

fn told(chosen: Chosen, tokens: &[PartToken]) -> Result<Told, ChecksumFault> {
    let not_so = || {
        invalid(&format!(
            "The parts were not uploaded with {}, so the object has no such checksum",
            chosen.algorithm.name()
        ))
    };
    let parts: Option<Vec<Value>> = tokens
        .iter()
        .map(|token| of_part_by(token, chosen.algorithm))
        .collect();
    let parts = parts.ok_or_else(not_so)?;
    let object = match chosen.kind {
        ChecksumType::Composite => ObjectChecksum::composed(chosen.algorithm, &parts),
        ChecksumType::FullObject => {
            let lengths = tokens.iter().map(|token| token.plain().0);
            let pieces: Vec<(Value, u64)> = parts.iter().cloned().zip(lengths).collect();
            ObjectChecksum::joined(&pieces).ok_or_else(not_so)?
        }
    };
    Ok(Told { object, parts })
}

fn check_listed(token: &PartToken, part: &CompletedPart) -> Result<(), ChecksumFault> {
    for (element, text) in &part.checksums {
        let Some(algorithm) = Algorithm::from_element_name(element) else {
            continue;
        };
        let own = of_part_by(token, algorithm).map(|value| value.to_string());
        if own.as_ref() != Some(text) {
            return Err(ChecksumError::InvalidPart { part: part.number }.into());
        }
    }
    Ok(())
}

fn check_stated(
    stated: &DeclaredOfObject,
    told: &Told,
    tokens: &[PartToken],
) -> Result<(), ChecksumFault> {
    let algorithm = told.object.value().algorithm();
    if stated.algorithm == Algorithm::Crc64Nvme && algorithm != stated.algorithm {
        // The parts prove this one whatever was chosen.
        let kind = ChecksumType::FullObject;
        let whole = Chosen {
            algorithm: stated.algorithm,
            kind,
        };
        return check_stated(stated, &self::told(whole, tokens)?, tokens);
    }
    if stated.algorithm != algorithm {
        return Err(invalid(&format!(
            "The upload was created using a {} checksum, and the complete request states a {} checksum",
            algorithm.name().to_lowercase(),
            stated.algorithm.name().to_lowercase()
        )));
    }
    // Of a composite value the number of parts may be left out.
    if stated.value == told.object.to_string() || stated.value == told.object.value().to_string() {
        return Ok(());
    }
    Err(ChecksumError::BadDigest { algorithm }.into())
}

impl Told {
    /// The CRC64NVME of parts that the gateway made itself.
    pub(super) fn alone(tokens: &[PartToken]) -> Result<Self, ChecksumFault> {
        let (algorithm, kind) = (Algorithm::Crc64Nvme, ChecksumType::FullObject);
        told(Chosen { algorithm, kind }, tokens)
    }

    /// Adds to what the trailer will keep.
    pub(super) fn kept_in(&self, facts: Facts) -> Facts {
        let value = self.object.value();
        let parts = self.parts.iter().map(Value::as_bytes);
        Facts {
            client_checksum: ClientChecksum::new(value.algorithm().id(), value.as_bytes()).ok(),
            composite_parts: self.object.parts(),
            part_checksums: PartChecksums::new(value.algorithm().id(), parts).ok(),
            ..facts
        }
    }
}

fn invalid(problem: &str) -> ChecksumFault {
    ChecksumError::InvalidRequest {
        problem: problem.to_owned(),
    }
    .into()
}
