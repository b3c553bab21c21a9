//! Access lists. There is one, and it never changes: everything belongs to its tenant, and policy decides
//! the rest. A client may read it and may set it to what it is; any grant to somebody else is refused, as Amazon S3
//! refuses it of a bucket whose owner owns every object, which is what a new bucket is there too.

use http::{HeaderMap, StatusCode};

use super::read::Source;
use super::{Answered, Call, Operations, document, empty};
use crate::body::Upload;
use crate::error::GatewayError;
use crate::s3::xml::Element;
use crate::s3::{Code, Operation, S3Error};

impl Operations {
    pub(super) async fn get_acl(&self, call: &Call) -> Answered {
        self.check_there(call).await?;
        Ok(document(owner_acl(call.leave.tenant())))
    }

    pub(super) async fn put_acl(&self, call: &Call, incoming: Upload) -> Answered {
        let list = call.optional_document(incoming).await?;
        // A canned list in the header was looked at in `refuse_grants`.
        if !list.is_empty() || call.request.header("x-amz-acl").is_none() {
            check_access_list(&Element::parse(&list)?, call.leave.tenant())?;
        }
        self.check_there(call).await?;
        Ok(empty(StatusCode::OK))
    }

    /// Refuses every access list in a header that would grant somebody else anything.
    pub(super) async fn refuse_grants(&self, call: &Call) -> Result<(), GatewayError> {
        if !call.request.grants_to_others()? {
            return Ok(());
        }
        if call.request.operation == Operation::CreateBucket {
            return Err(Code::InvalidBucketAclWithObjectOwnership
                .because("Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting; access is decided by policy.")
                .into());
        }
        let bucket = self.bucket(call).await?;
        if self.blocks_public_lists(&bucket).await? {
            return Err(Code::AccessDenied
                .because("The bucket's public access block refuses this access list.")
                .into());
        }
        Err(not_supported().into())
    }

    /// Whether the bucket or object that the request names exists.
    async fn check_there(&self, call: &Call) -> Result<(), GatewayError> {
        if call.request.key.is_none() {
            self.bucket(call).await?;
            return Ok(());
        }
        let place = self.place(call).await?;
        let source = Source {
            place: &place,
            version: call.request.version(),
            conditions: HeaderMap::new(),
        };
        self.head(&source).await?;
        Ok(())
    }
}

/// The one list that is accepted: full control for the owner and nothing for anybody else.
fn check_access_list(list: &Element, tenant: &str) -> Result<(), S3Error> {
    if list.name != "AccessControlPolicy" {
        return Err(Code::MalformedXml.because("An AccessControlPolicy document is needed here."));
    }
    let owner = list.child("Owner").and_then(|owner| owner.child_text("ID"));
    if owner.is_some_and(|owner| owner != tenant) {
        return Err(Code::AccessDenied.because("The owner cannot be changed."));
    }
    let grants = list.child("AccessControlList");
    let grants: Vec<&Element> = grants.iter().flat_map(|list| list.all("Grant")).collect();
    for grant in &grants {
        check_grant(grant, tenant)?;
    }
    if grants.is_empty() {
        return Err(not_supported());
    }
    Ok(())
}

fn not_supported() -> S3Error {
    Code::AccessControlListNotSupported.because(
        "The bucket does not allow ACLs: the owner keeps full control, and access is decided by policy.",
    )
}

fn check_grant(grant: &Element, tenant: &str) -> Result<(), S3Error> {
    let grantee = grant
        .child("Grantee")
        .ok_or_else(|| Code::MalformedXml.because("A Grant names its Grantee."))?;
    if grantee.child("EmailAddress").is_some() {
        return Err(
            Code::UnresolvableGrantByEmailAddress.because("No account here has an e-mail address.")
        );
    }
    if grantee.child("URI").is_some() {
        return Err(not_supported());
    }
    if grantee.child_text("ID") != Some(tenant) {
        return Err(Code::InvalidArgument
            .because("Only the owner can be granted anything; access is decided by policy.")
            .with("ArgumentName", "CanonicalUser/ID"));
    }
    if grant.child_text("Permission") != Some("FULL_CONTROL") {
        return Err(not_supported());
    }
    Ok(())
}

/// `tenant` is of the characters that configuration allows, so nothing needs escaping.
fn owner_acl(tenant: &str) -> String {
    let who = format!("<ID>{tenant}</ID><DisplayName>{tenant}</DisplayName>");
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<AccessControlPolicy xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Owner>{who}</Owner><AccessControlList><Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\">{who}</Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(grants: &str) -> Result<(), Code> {
        let list = format!(
            "<AccessControlPolicy><Owner><ID>clinic</ID></Owner><AccessControlList>{grants}</AccessControlList></AccessControlPolicy>"
        );
        check_access_list(&Element::parse(list.as_bytes()).unwrap(), "clinic")
            .map_err(|error| error.code)
    }

    fn grant(grantee: &str, permission: &str) -> String {
        format!("<Grant><Grantee>{grantee}</Grantee><Permission>{permission}</Permission></Grant>")
    }

    #[test]
    fn what_is_read_can_be_set_again() {
        let list = Element::parse(owner_acl("clinic").as_bytes()).unwrap();
        assert_eq!(check_access_list(&list, "clinic"), Ok(()));
        assert!(check_access_list(&list, "lab").is_err());
    }

    #[test]
    fn nobody_else_is_granted_anything() {
        let owner = grant("<ID>clinic</ID>", "FULL_CONTROL");
        assert_eq!(check(&owner), Ok(()));
        for (other, code) in [
            ("<ID>lab</ID>", Code::InvalidArgument),
            (
                "<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI>",
                Code::AccessControlListNotSupported,
            ),
            (
                "<EmailAddress>a@b.c</EmailAddress>",
                Code::UnresolvableGrantByEmailAddress,
            ),
            // Two grantees in one: the one that is not the owner counts.
            (
                "<ID>clinic</ID><URI>http://acs.amazonaws.com/groups/global/AllUsers</URI>",
                Code::AccessControlListNotSupported,
            ),
        ] {
            let both = format!("{owner}{}", grant(other, "READ"));
            assert_eq!(check(&both), Err(code), "{other}");
        }
        assert_eq!(check(""), Err(Code::AccessControlListNotSupported));
        assert_eq!(
            check(&grant("<ID>clinic</ID>", "READ")),
            Err(Code::AccessControlListNotSupported)
        );
    }
}
