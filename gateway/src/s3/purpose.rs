//! For what purpose a client says that it asks: a code of HL7, because free text would name people.

use super::{Code, S3Error, S3Request};

/// The purpose that a request states, if it states one. It is the client's own word.
pub(crate) fn purpose_of(request: &S3Request) -> Result<Option<&'static str>, S3Error> {
    let Some(stated) = request.header(PURPOSE) else {
        return Ok(None);
    };
    let known = CODES
        .iter()
        .find(|code| stated.eq_ignore_ascii_case(code.as_bytes()));
    known.copied().map(Some).ok_or_else(|| {
        Code::InvalidArgument
            .because("x-sealgate-purpose: must be a code of HL7's PurposeOfUse, for example TREAT, HPAYMT or HOPERAT.")
    })
}

const PURPOSE: &str = "x-sealgate-purpose";

/// HL7's value set `PurposeOfUse` (<http://terminology.hl7.org/ValueSet/v3-PurposeOfUse>).
const CODES: &[&str] = &[
    "BTG",
    "CAREMGT",
    "CLINTRCH",
    "CLMATTCH",
    "COVERAGE",
    "COVAUTH",
    "DISASTER",
    "DONAT",
    "ELIGDTRM",
    "ELIGVER",
    "ENROLLM",
    "ETREAT",
    "FAMRQT",
    "FRAUD",
    "GOV",
    "HACCRED",
    "HCOMPL",
    "HDECD",
    "HDIRECT",
    "HDM",
    "HLEGAL",
    "HMARKT",
    "HOPERAT",
    "HOUTCMS",
    "HPAYMT",
    "HPRGRP",
    "HQUALIMP",
    "HRESCH",
    "HSYSADMIN",
    "LABELING",
    "MEMADMIN",
    "METAMGT",
    "MILCDM",
    "PATADMIN",
    "PATRQT",
    "PATSFTY",
    "PERFMSR",
    "PREAUTH",
    "PUBHLTH",
    "PWATRNY",
    "RECORDMGT",
    "REMITADV",
    "SUPNWK",
    "SYSDEV",
    "THREAT",
    "TRAIN",
    "TREAT",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_codes() {
        let is_code = |code: &&str| code.bytes().all(|byte| byte.is_ascii_uppercase());
        assert!(CODES.iter().all(is_code));
        assert!(
            ["TREAT", "HPAYMT", "HOPERAT"]
                .iter()
                .all(|one| CODES.contains(one))
        );
    }
}
