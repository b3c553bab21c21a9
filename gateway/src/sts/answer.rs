//! STS's answers and errors as XML (API reference, version 2011-06-15). It must not decide anything.

use std::time::SystemTime;

use super::{Issued, arn};
use crate::authenticate::Caller;
use crate::oidc::WebIdentity;
use crate::s3::xml::Writer;
use crate::s3::{RequestId, S3Error};
use crate::sessions::{Credentials, Session, TOKEN_CHARACTERS};

/// `AssumeRoleWithWebIdentityResponse`
pub(super) fn web_identity(
    identity: &WebIdentity,
    session: &Session,
    issued: Issued<'_>,
    id: &str,
) -> String {
    let mut writer = Writer::in_namespace("AssumeRoleWithWebIdentityResponse", NAMESPACE);
    writer.within("AssumeRoleWithWebIdentityResult", |result| {
        result
            .text("SubjectFromWebIdentityToken", &identity.subject)
            .text("Audience", &identity.audience)
            .text("Provider", &identity.provider.config.issuer);
        assumed(result, session, issued);
        packed(result, session, issued);
        credentials(result, issued);
    });
    finished(writer, id)
}

/// `AssumeRoleResponse`
pub(super) fn assume_role(session: &Session, issued: Issued<'_>, id: &str) -> String {
    let mut writer = Writer::in_namespace("AssumeRoleResponse", NAMESPACE);
    writer.within("AssumeRoleResult", |result| {
        assumed(result, session, issued);
        packed(result, session, issued);
        credentials(result, issued);
    });
    finished(writer, id)
}

/// `GetSessionTokenResponse`
pub(super) fn session_token(issued: Issued<'_>, id: &str) -> String {
    let mut writer = Writer::in_namespace("GetSessionTokenResponse", NAMESPACE);
    writer.within("GetSessionTokenResult", |result| {
        credentials(result, issued);
    });
    finished(writer, id)
}

/// `GetCallerIdentityResponse`
pub(super) fn caller_identity(caller: &Caller, id: &str) -> String {
    let principal = &caller.principal;
    let arn = match &caller.session {
        Some(session) => arn::of_session(session),
        None => arn::of_user(&principal.tenant, &principal.name),
    };
    let mut writer = Writer::in_namespace("GetCallerIdentityResponse", NAMESPACE);
    writer.within("GetCallerIdentityResult", |result| {
        result
            .text("Arn", arn)
            .text("UserId", &principal.name)
            .text("Account", &principal.tenant);
    });
    finished(writer, id)
}

/// `ErrorResponse`
pub fn error_document(error: &S3Error, id: RequestId) -> String {
    let at_fault = if error.code.status().is_server_error() {
        "Receiver"
    } else {
        "Sender"
    };
    let mut writer = Writer::in_namespace("ErrorResponse", NAMESPACE);
    writer
        .within("Error", |inside| {
            inside
                .text("Type", at_fault)
                .text("Code", error.code.as_str())
                .text("Message", &error.message);
        })
        .text("RequestId", id.to_string());
    writer.finish()
}

fn assumed(writer: &mut Writer, session: &Session, issued: &Credentials) {
    writer.within("AssumedRoleUser", |user| {
        user.text("Arn", arn::of_session(session)).text(
            "AssumedRoleId",
            format!("{}:{}", issued.access_key_id, session.name),
        );
    });
}

/// How much of the room in a token is taken, in percent, where a policy takes some.
fn packed(writer: &mut Writer, session: &Session, issued: &Credentials) {
    if session.policies.is_empty() {
        return;
    }
    let taken = issued.session_token.len().saturating_mul(100);
    let percent = taken.div_ceil(TOKEN_CHARACTERS).to_string();
    writer.text("PackedPolicySize", percent);
}

fn credentials(writer: &mut Writer, issued: &Credentials) {
    writer.within("Credentials", |inside| {
        inside
            .text("AccessKeyId", &issued.access_key_id)
            .text("SecretAccessKey", issued.secret_access_key.expose())
            .text("SessionToken", &issued.session_token)
            .text("Expiration", moment(issued.expires));
    });
}

fn finished(mut writer: Writer, id: &str) -> String {
    writer.within("ResponseMetadata", |metadata| {
        metadata.text("RequestId", id);
    });
    writer.finish()
}

/// ISO 8601 in UTC, to the second.
fn moment(at: SystemTime) -> String {
    let at = time::OffsetDateTime::from(at);
    let at = at.replace_nanosecond(0).unwrap_or(at);
    // A time in UTC lacks nothing that the format has.
    at.format(&time::format_description::well_known::Rfc3339)
        .unwrap_or_default()
}

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
