//! A token taken apart, its signature verified, its claims checked: in that order. It must not know where keys come
//! from.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use super::{Provider, SKEW, TokenError, WebIdentity, json};

/// A token of which nothing is believed yet.
#[derive(Debug)]
pub(super) struct Unverified<'t> {
    signed: &'t str,
    signature: &'t str,
    algorithm: Algorithm,
    key_id: Option<String>,
    claims: Map<String, Value>,
}

/// The claims of a token whose signature is right.
#[derive(Debug)]
pub(super) struct Claims(Map<String, Value>);

impl<'t> Unverified<'t> {
    /// Takes a token in compact form apart (RFC 7515 §7.1).
    pub(super) fn parse(token: &'t str) -> Result<Self, TokenError> {
        if token.len() > LONGEST {
            return Err(invalid(format!("it is longer than {LONGEST} bytes")));
        }
        let (signed, signature) = token.rsplit_once('.').ok_or_else(no_jwt)?;
        let (header, claims) = signed.split_once('.').ok_or_else(no_jwt)?;
        let header = decoded(header, "header")?;
        let text = |name: &str| {
            header
                .get(name)
                .map(|value| value.as_str().unwrap_or_default())
        };
        // Extensions that must be understood are not (RFC 7515 §4.1.11).
        if header.contains_key("crit") {
            return Err(invalid("its header has critical extensions".to_owned()));
        }
        if text("typ").is_some_and(|kind| !kind.eq_ignore_ascii_case("JWT")) {
            return Err(invalid("its type is not JWT".to_owned()));
        }
        let named = text("alg").unwrap_or_default();
        // Symmetric algorithms are not on the list: a provider's public key must never serve as a shared secret.
        let algorithm = ALGORITHMS
            .iter()
            .find(|(name, _)| *name == named)
            .map(|(_, algorithm)| *algorithm)
            .ok_or_else(|| invalid(format!("its algorithm {named:?} is not accepted")))?;
        Ok(Self {
            signed,
            signature,
            algorithm,
            key_id: text("kid").map(str::to_owned),
            claims: decoded(claims, "claims")?,
        })
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Who it says made it.
    pub(super) fn issuer(&self) -> Result<&str, TokenError> {
        let issuer = self.claims.get("iss").and_then(Value::as_str);
        issuer.ok_or_else(|| invalid("it names no issuer (iss)".to_owned()))
    }

    /// Whom it says it is meant for.
    pub(super) fn audiences(&self) -> Result<Vec<String>, TokenError> {
        audiences(&self.claims)
    }

    /// The claims, if the signature is this key's.
    pub(super) fn verify(self, key: &DecodingKey) -> Result<Claims, TokenError> {
        let verified = jsonwebtoken::crypto::verify(
            self.signature,
            self.signed.as_bytes(),
            key,
            self.algorithm,
        );
        if verified.unwrap_or(false) {
            Ok(Claims(self.claims))
        } else {
            Err(invalid("its signature is not the provider's".to_owned()))
        }
    }
}

impl Claims {
    /// Checks what the token claims about itself.
    pub(super) fn identity(
        self,
        provider: Arc<Provider>,
        now: SystemTime,
    ) -> Result<WebIdentity, TokenError> {
        let claims = &self.0;
        let config = &provider.config;
        if claims.get("iss").and_then(Value::as_str) != Some(config.issuer.as_str()) {
            return Err(invalid("its issuer is another".to_owned()));
        }
        let meant_for = audiences(claims)?;
        let ours = |name: &String| config.audiences.contains(name);
        let audience = meant_for.iter().find(|name| ours(name)).cloned();
        let audience =
            audience.ok_or_else(|| invalid("it is meant for another audience".to_owned()))?;
        match claims.get("azp").map(Value::as_str) {
            Some(Some(party)) if ours(&party.to_owned()) => {}
            None if meant_for.len() == 1 => {}
            _ => {
                return Err(invalid(
                    "it was issued to another party (azp), or to several audiences without naming one".to_owned(),
                ));
            }
        }
        let expires =
            moment(claims, "exp")?.ok_or_else(|| invalid("it has no end (exp)".to_owned()))?;
        if now >= later(expires) {
            return Err(TokenError::Expired);
        }
        for name in ["nbf", "iat"] {
            if moment(claims, name)?.is_some_and(|begins| begins > later(now)) {
                return Err(invalid(format!("it is not good yet ({name})")));
            }
        }
        let subject = claims
            .get("sub")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if subject.is_empty() {
            return Err(invalid("it names no subject (sub)".to_owned()));
        }
        let token_id = match claims.get("jti") {
            None => None,
            Some(Value::String(id)) => Some(id.clone()),
            Some(_) => return Err(invalid("its id (jti) is no text".to_owned())),
        };
        let signed_in = moment(claims, "auth_time")?.filter(|at| *at <= later(now));
        let methods = texts(claims.get("amr"));
        let class = claims
            .get("acr")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let is_second = methods.iter().any(|method| config.mfa.amr.contains(method))
            || config.mfa.acr.iter().any(|one| one == class);
        Ok(WebIdentity {
            subject: subject.to_owned(),
            audience,
            token_id,
            expires,
            signed_in,
            methods,
            // How somebody signed in says nothing without when: some providers repeat it for days.
            second_factor: signed_in.filter(|_| is_second),
            claims: self.0,
            provider,
        })
    }
}

/// A claim that is a text, or a list of texts; anything else is none.
pub(super) fn texts(claim: Option<&Value>) -> Vec<String> {
    match claim {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => {
            let texts = items.iter().filter_map(Value::as_str);
            texts.map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

fn audiences(claims: &Map<String, Value>) -> Result<Vec<String>, TokenError> {
    let found = texts(claims.get("aud"));
    let listed = match claims.get("aud") {
        Some(Value::Array(items)) => items.len(),
        _ => 1,
    };
    if found.is_empty() || found.len() != listed {
        return Err(invalid("it names no audience (aud)".to_owned()));
    }
    Ok(found)
}

/// A `NumericDate` (RFC 7519 §2): seconds since 1970, whole or not.
fn moment(claims: &Map<String, Value>, name: &str) -> Result<Option<SystemTime>, TokenError> {
    let Some(claim) = claims.get(name) else {
        return Ok(None);
    };
    claim
        .as_f64()
        .filter(|seconds| (0.0..LATEST).contains(seconds))
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since))
        .map(Some)
        .ok_or_else(|| invalid(format!("its {name} is no time")))
}

/// `at`, as late as another clock may take it for.
fn later(at: SystemTime) -> SystemTime {
    at.checked_add(SKEW).unwrap_or(at)
}

fn decoded(part: &str, what: &str) -> Result<Map<String, Value>, TokenError> {
    let bytes = URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| invalid(format!("its {what} are not base64url")))?;
    json::object(&bytes).map_err(|why| invalid(format!("of its {what}: {why}")))
}

fn no_jwt() -> TokenError {
    invalid("it is not of the form header.claims.signature".to_owned())
}

fn invalid(why: String) -> TokenError {
    TokenError::Invalid(why)
}

/// What STS of AWS takes, in bytes.
const LONGEST: usize = 20_000;
/// The year 9999.
const LATEST: f64 = 253_402_300_800.0;

/// RFC 7518 §3.1, RFC 8037: what public keys verify.
const ALGORITHMS: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];
