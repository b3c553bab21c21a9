//! The credential of a signature: whose key, for which day, region and service. It must not know
//! where in the request it stood.

use std::fmt;

/// `AKIA…/20130524/us-east-1/s3/aws4_request`, taken apart.
#[derive(Debug, Clone)]
pub(super) struct Credential {
    pub(super) access_key_id: String,
    pub(super) scope: Scope,
}

/// The part of a credential that goes into the string to sign.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    /// The UTC day, eight digits.
    pub(super) day: String,
    /// May be empty.
    pub(super) region: String,
    pub(super) service: Service,
}

/// What a client signs for: the services that this gateway is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Service {
    /// Buckets and objects.
    S3,
    /// The Security Token Service.
    Sts,
}

impl Service {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Sts => "sts",
        }
    }
}

impl Credential {
    /// Reads a credential; the error is the problem in words.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        // From the right, because access key ids of other makers may hold slashes.
        let mut fields = text.rsplitn(5, '/');
        let (Some(terminator), Some(service), Some(region), Some(day), Some(access_key_id)) = (
            fields.next(),
            fields.next(),
            fields.next(),
            fields.next(),
            fields.next(),
        ) else {
            return Err(
                "the credential must be \"<access key id>/YYYYMMDD/REGION/s3/aws4_request\""
                    .to_owned(),
            );
        };
        if terminator != "aws4_request" {
            return Err("the credential must end in \"aws4_request\"".to_owned());
        }
        let service = [Service::S3, Service::Sts]
            .into_iter()
            .find(|one| one.name() == service)
            .ok_or_else(|| not_here(service, Service::S3))?;
        if access_key_id.is_empty() || access_key_id.len() > MAX_ACCESS_KEY_ID {
            return Err(format!(
                "the access key id in the credential must have 1 to {MAX_ACCESS_KEY_ID} characters"
            ));
        }
        let scope = Scope {
            day: day.to_owned(),
            region: region.to_owned(),
            service,
        };
        Ok(Self {
            access_key_id: access_key_id.to_owned(),
            scope,
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service = self.service.name();
        write!(f, "{}/{}/{service}/aws4_request", self.day, self.region)
    }
}

/// What is wrong with a credential for `service` where `here` is asked.
pub(super) fn not_here(service: &str, here: Service) -> String {
    let here = here.name();
    format!("the credential names the service \"{service}\"; this endpoint belongs to \"{here}\"")
}

const MAX_ACCESS_KEY_ID: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_taken_apart_and_put_together() {
        let credential =
            Credential::parse("AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request").unwrap();
        assert_eq!(credential.access_key_id, "AKIAIOSFODNN7EXAMPLE");
        assert_eq!(
            credential.scope.to_string(),
            "20130524/us-east-1/s3/aws4_request"
        );
        assert_eq!(
            Credential::parse("a/b/20130524//s3/aws4_request")
                .unwrap()
                .access_key_id,
            "a/b"
        );
    }

    #[test]
    fn other_services_and_shapes_are_refused() {
        for text in [
            "",
            "AK/20130524/us-east-1/s3",
            "AK/20130524/us-east-1/ec2/aws4_request",
            "AK/20130524/us-east-1/s3/aws4",
            "/20130524/us-east-1/s3/aws4_request",
        ] {
            assert!(Credential::parse(text).is_err(), "{text}");
        }
    }
}
