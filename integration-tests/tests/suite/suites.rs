//! A tenant's cipher suite is what the configuration says, and nothing below its minimum is opened. Which suite an
//! object has is not asked of the gateway: the minimum tells the two apart.

use integration_tests::gateway::{Gateway, Principal, Upstream};

use crate::on_both_upstreams;

on_both_upstreams! {
    change_and_are_enforced => changed;
    of_one_tenant_are_not_anothers => apart;
}

fn changed(upstream: Upstream) {
    let mut gateway = Gateway::serve(upstream, &[admin("demo", "demo-admin")]);
    let step = |gateway: &Gateway, step| {
        gateway.account().run_script("suites.py", &[step, "suites"]);
    };
    step(&gateway, "before");
    gateway.reconfigure(|text| ask("demo", "suite = \"aes-256-gcm\"", &text));
    step(&gateway, "changed");
    gateway.reconfigure(|text| ask("demo", "minimum_suite = \"aes-256-gcm\"", &text));
    step(&gateway, "raised");

    let refused = gateway.journal();
    let refused = refused.iter().filter(|event| event["err"] == "E_SUITE");
    assert!(
        refused.count() > 10,
        "refusals are on record with their layer"
    );
}

/// One tenant asks for suite 0x02; then the deployment does and allows nothing less, which holds for every tenant.
fn apart(upstream: Upstream) {
    let lab = admin("lab", "lab-admin");
    let mut gateway = Gateway::serve(upstream, &[admin("clinic", "clinic-admin"), lab.clone()]);
    let both_run = |gateway: &Gateway, step| {
        let clinic = gateway.account();
        clinic.run_script("suites.py", &[step, "of-clinic"]);
        let lab = clinic.with(lab.credentials.clone());
        lab.run_script("suites.py", &[step, "of-lab"]);
    };
    both_run(&gateway, "before");
    let asked = "suite = \"aes-256-gcm\"";
    gateway.reconfigure(|text| ask("clinic", asked, &text));
    both_run(&gateway, "changed");
    gateway.reconfigure(|text| {
        let minimum = "minimum_suite = \"aes-256-gcm\"";
        format!(
            "[sealing]\n{asked}\n{minimum}\n{}",
            text.replace(&format!("{asked}\n"), "")
        )
    });
    let clinic = gateway.account();
    clinic.run_script("suites.py", &["raised", "of-clinic"]);
    // The other tenant went on in the first suite.
    let lab = clinic.with(lab.credentials.clone());
    assert_eq!(
        lab.run_script("suites_none.py", &["of-lab"]),
        "all refused\n"
    );
}

fn admin(tenant: &'static str, name: &'static str) -> Principal {
    Principal::new(tenant, name, "tenant-admin")
}

/// The configuration with one more line in a tenant.
fn ask(tenant: &str, line: &str, text: &str) -> String {
    let id = format!("id = \"{tenant}\"\n");
    text.replace(&id, &format!("{id}{line}\n"))
}
