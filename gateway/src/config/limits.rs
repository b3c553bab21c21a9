//! `[limits]` for every tenant, `[tenants.limits]` for one: how much of the gateway a tenant may take.

use super::reader::{Problems, Section};

/// What one tenant may take; without a number there is no such limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TenantLimits {
    /// Requests a second, on average over a second.
    pub requests_per_second: Option<u64>,
    /// Bytes a second of bodies in both directions, on average.
    pub bytes_per_second: Option<u64>,
    /// Requests at the same time.
    pub requests_at_once: Option<u64>,
    /// Bytes of one object.
    pub largest_object: Option<u64>,
    /// Stored bytes in all. Soft: nothing is refused.
    pub stored_bytes: Option<u64>,
}

impl TenantLimits {
    /// Reads `[limits]`, which may be left out.
    pub(super) fn of_deployment(root: &mut Section, problems: &mut Problems) -> Self {
        Self::read(root, Self::default(), problems)
    }

    /// Reads the table `limits` here; what is left out is inherited. Each replica counts for itself.
    pub(super) fn read(section: &mut Section, inherited: Self, problems: &mut Problems) -> Self {
        let Some(mut limits) = section.section("limits", problems) else {
            return inherited;
        };
        let mut number = |name, most| limits.optional_number(name, 1..=most, problems);
        let read = Self {
            requests_per_second: number("requests_per_second", MOST_REQUESTS)
                .or(inherited.requests_per_second),
            bytes_per_second: number("bytes_per_second", MOST_BYTES).or(inherited.bytes_per_second),
            requests_at_once: number("requests_at_once", MOST_REQUESTS)
                .or(inherited.requests_at_once),
            largest_object: number("largest_object_bytes", MOST_BYTES).or(inherited.largest_object),
            stored_bytes: number("stored_bytes", MOST_STORED).or(inherited.stored_bytes),
        };
        limits.finish(problems);
        read
    }
}

const MOST_REQUESTS: u64 = 1_000_000;
/// A petabyte.
const MOST_BYTES: u64 = 1_000_000_000_000_000;
/// An exabyte.
const MOST_STORED: u64 = 1_000_000_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_inherits_what_it_does_not_set() {
        let mut problems = Problems::default();
        let text = "[limits]\nrequests_per_second = 10\nrequests_at_once = 2\n";
        let inherited =
            TenantLimits::of_deployment(&mut Section::root(text.parse().unwrap()), &mut problems);
        let text =
            "[limits]\nrequests_per_second = 20\nlargest_object_bytes = 5\nstored_bytes = 7\n";
        let read = TenantLimits::read(
            &mut Section::root(text.parse().unwrap()),
            inherited,
            &mut problems,
        );
        assert_eq!(
            (
                read.requests_per_second,
                read.requests_at_once,
                read.largest_object,
                read.stored_bytes
            ),
            (Some(20), Some(2), Some(5), Some(7))
        );
        let text = "[limits]\nrequests_per_second = 0\nburst = 1\n";
        let mut section = Section::root(text.parse().unwrap());
        TenantLimits::read(&mut section, inherited, &mut problems);
        let paths: Vec<_> = problems
            .into_vec()
            .into_iter()
            .map(|one| one.path)
            .collect();
        assert_eq!(paths, ["limits.requests_per_second", "limits.burst"]);
    }
}
