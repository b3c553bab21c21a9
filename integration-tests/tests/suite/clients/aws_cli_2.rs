//! aws-cli 2, which no package registry has for every machine: this row runs where it is installed and says so where
//! it is not.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use integration_tests::client::finished;
use integration_tests::world::World;

use super::aws_cli;
use super::place::{Place, row};

row!(aws; seaweedfs_http, seaweedfs_https, embedded_http, embedded_https);

fn aws(place: Place) {
    let program = Path::new("/usr/bin/aws");
    if !is_version_2(program) {
        // Past the capture of the test harness.
        let _ = writeln!(
            std::io::stderr(),
            "aws-cli 2 row not run: no {} of version 2",
            program.display()
        );
        return;
    }
    let scratch = World::get().scratch();
    let here = scratch.path();
    let account = place.account();
    aws_cli::work(place, here, "row-aws-2", &|arguments| {
        let mut aws = account.program(program);
        // Before 2.13 it did not read the endpoint from its environment.
        aws.args(["--endpoint-url", &account.endpoint])
            .args(arguments)
            .current_dir(here);
        finished(aws)
    });
}

fn is_version_2(program: &Path) -> bool {
    let said = Command::new(program).arg("--version").output();
    said.is_ok_and(|said| said.stdout.starts_with(b"aws-cli/2."))
}
