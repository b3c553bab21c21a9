//! The one table of what can be asked, and who may ask it. Each family of operations brings its own rows.

use std::collections::BTreeMap;

use futures_core::future::BoxFuture;
use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;

use super::credential::{AdminPrincipal, AdminRole};
use super::{
    Admin, AdminError, Call, Reply, access_keys, approvals, audit_search, break_glass, buckets,
    credentials, evidence, jobs, key_copies, keys, policies, review, roles, sessions, tenants,
};

/// One operation.
#[derive(Debug)]
pub struct Route {
    /// Its name; the trail calls it `admin:{operation}`.
    pub operation: &'static str,
    /// HTTP's method.
    pub method: Method,
    /// Its path. `{name}` stands for one segment; `{tenant}` for a tenant, of which a tenant owner has one.
    pub path: &'static str,
    /// Who may call it.
    pub roles: &'static [AdminRole],
    /// Whether it changes anything.
    pub effect: Effect,
    /// What it does.
    pub handler: Handler,
}

/// What an operation does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Read,
    /// It changes something, so its intent is on record before.
    Change,
}

/// Carries out a call that is authorised and, if it changes something, on record.
pub type Handler = for<'a> fn(&'a Admin, &'a Call) -> BoxFuture<'a, Result<Reply, AdminError>>;

/// All operations. A family of operations is a file with a list of its own, named here.
pub fn all() -> impl Iterator<Item = &'static Route> {
    FAMILIES.iter().copied().flatten()
}

const FAMILIES: &[&[Route]] = &[
    credentials::ROUTES,
    approvals::ROUTES,
    keys::ROUTES,
    jobs::ROUTES,
    key_copies::ROUTES,
    tenants::ROUTES,
    access_keys::ROUTES,
    buckets::ROUTES,
    sessions::ROUTES,
    break_glass::ROUTES,
    review::ROUTES,
    roles::ROUTES,
    policies::ROUTES,
    audit_search::ROUTES,
    evidence::ROUTES,
];

impl Route {
    /// Whether who calls may call this, about this tenant.
    pub(super) fn permit(
        &self,
        principal: &AdminPrincipal,
        tenant: Option<&String>,
    ) -> Result<(), AdminError> {
        if !self.roles.contains(&principal.role) {
            let roles: Vec<&str> = self.roles.iter().map(|role| role.as_str()).collect();
            return Err(AdminError::forbidden(
                &format!("{} is not for the role {}.", self.operation, principal.role),
                &format!("Use a credential of one of the roles {}.", roles.join(", ")),
            ));
        }
        if principal.role.is_of_one_tenant()
            && tenant.is_some()
            && tenant != principal.tenant.as_ref()
        {
            return Err(AdminError::forbidden(
                "This credential is of another tenant.",
                "Use a credential of that tenant.",
            ));
        }
        Ok(())
    }

    /// What stands for each `{name}`, if the path is one of this route.
    fn matches(&self, path: &str) -> Option<BTreeMap<&'static str, String>> {
        let mut found = BTreeMap::new();
        let (mut wanted, mut given) = (self.path.split('/'), path.split('/'));
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return Some(found),
                (Some(wanted), Some(given)) => {
                    let name = wanted
                        .strip_prefix('{')
                        .and_then(|name| name.strip_suffix('}'));
                    if let Some(name) = name {
                        let text = percent_decode_str(given).decode_utf8().ok()?;
                        if text.is_empty() {
                            return None;
                        }
                        found.insert(name, text.into_owned());
                    } else if wanted != given {
                        return None;
                    }
                }
                _ => return None,
            }
        }
    }
}

/// The route of an operation.
pub(super) fn of(operation: &str) -> Option<&'static Route> {
    all().find(|route| route.operation == operation)
}

/// The route of a request and what its path names.
pub(super) fn find(
    method: &Method,
    path: &str,
) -> Result<(&'static Route, BTreeMap<&'static str, String>), AdminError> {
    let mut other_methods = Vec::new();
    for route in all() {
        if let Some(found) = route.matches(path) {
            if route.method == *method {
                return Ok((route, found));
            }
            other_methods.push(route.method.as_str());
        }
    }
    if other_methods.is_empty() {
        return Err(AdminError::missing("operation at this path"));
    }
    Err(AdminError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "MethodNotAllowed",
        &format!("This path takes {}.", other_methods.join(", ")),
        "Use one of these methods.",
    ))
}

/// The parameters of a query; each name once.
pub(super) fn query_of(query: &str) -> Result<BTreeMap<String, String>, AdminError> {
    let mut found = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let text = |part: &str| {
            let spaced = part.replace('+', " ");
            let decoded = percent_decode_str(&spaced).decode_utf8();
            decoded
                .map(std::borrow::Cow::into_owned)
                .map_err(|_| AdminError::invalid("the query is not UTF-8"))
        };
        let name = text(name)?;
        if found.insert(name.clone(), text(value)?).is_some() {
            return Err(AdminError::invalid(&format!(
                "query: {name} is given twice"
            )));
        }
    }
    Ok(found)
}
