//! Which lines of the trail a sink is told of. Pure.

use audit_index::About;

use super::parcel::Parcel;
use crate::config::Selection;

impl Selection {
    /// Whether the sink is told of this line; of one that cannot be read it is.
    pub(super) fn takes(&self, line: &str, parcel: &Parcel) -> bool {
        let of_tenant = |tenant: &String| self.tenants.contains(tenant);
        let here = self.tenants.is_empty() || parcel.tenant.as_ref().is_some_and(of_tenant);
        let is_about = || {
            let abouts = About::of_line(line);
            abouts.is_none_or(|abouts| abouts.iter().any(|about| self.only.contains(about)))
        };
        here && (self.only.is_empty() || is_about())
    }
}

#[cfg(test)]
mod tests {
    use audit::Line;

    use super::*;
    use crate::config::SinkFormat;

    fn takes(only: &[About], tenants: &[&str], text: &str) -> bool {
        let selection = Selection {
            only: only.to_vec(),
            tenants: tenants.iter().map(|&one| one.to_owned()).collect(),
        };
        let line = Line {
            log: "a-1".to_owned(),
            seq: 7,
            segment: 0,
            offset: 0,
            text: text.to_owned(),
        };
        let parcel = Parcel::of(line, "sealgate/d", SinkFormat::Ocsf);
        selection.takes(text, &parcel)
    }

    #[test]
    fn a_sink_is_told_of_what_it_asks_for() {
        use About::{Denials, Emergencies, Keys};
        let line = |op: &str, decision: &str, detail: &str| {
            format!(
                r#"{{"v":2,"tseq":1,"wall":"2026-11-27T01:02:03.004Z","tenant":"clinic","kind":"complete","op":"{op}","class":"read","decision":"{decision}","detail":{{{detail}}}}}"#
            )
        };
        let declared = line("admin:DeclareEmergency", "allow", "");
        let read = line("s3:GetObject", "allow", "");
        let under = line("s3:GetObject", "allow", r#""emergency":"7""#);
        let denied = line("s3:GetObject", "deny", "");
        for (only, text, taken) in [
            (&[Emergencies][..], &declared, true),
            (&[Emergencies], &under, true),
            (&[Emergencies], &read, false),
            (&[Emergencies, Denials], &denied, true),
            (&[Keys], &denied, false),
            (&[], &read, true),
        ] {
            assert_eq!(takes(only, &[], text), taken, "{only:?} {text}");
            assert_eq!(takes(only, &["clinic", "lab"], text), taken);
            assert!(!takes(only, &["lab"], text));
        }
        // Of no tenant, and what nobody can read.
        assert!(!takes(&[], &["lab"], "{}") && takes(&[Keys], &[], "{}"));
    }
}
