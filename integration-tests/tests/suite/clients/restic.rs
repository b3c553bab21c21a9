//! restic, a backup tool on minio-go: a repository made, filled twice, checked, restored and pruned. No
//! registry ships it for every machine, so this row runs where it is installed and says so where it is not.

use std::io::Write as _;
use std::path::Path;

use integration_tests::client::finished;
use integration_tests::world::World;

use super::files::{assert_same_trees, write_tree};
use super::place::{Place, row};

row!(restic; seaweedfs_http, seaweedfs_https, embedded_http);

fn restic(place: Place) {
    let program = Path::new("/usr/bin/restic");
    if !program.is_file() {
        // Past the capture of the test harness.
        let _ = writeln!(
            std::io::stderr(),
            "restic row not run: no {}",
            program.display()
        );
        return;
    }
    let scratch = World::get().scratch();
    let here = scratch.path();
    let account = place.account();
    let restic = |arguments: &[&str]| {
        let mut restic = account.program(program);
        restic
            .args(["--no-cache", "--repo"])
            .arg(format!("s3:{}/row-restic", account.endpoint))
            .args(arguments)
            .env("RESTIC_PASSWORD", "for tests only")
            .env("TMPDIR", here)
            .current_dir(here);
        finished(restic)
    };
    write_tree(&here.join("up"), place.large());
    restic(&["init"]);
    restic(&["backup", "up"]);
    let second = restic(&["backup", "up"]);
    assert!(
        second.contains("0 new,     0 changed,     3 unmodified"),
        "{second}"
    );
    restic(&["check", "--read-data"]);
    restic(&["restore", "latest", "--target", "down"]);
    assert_same_trees(&here.join("up"), &here.join("down/up"));
    restic(&["forget", "--keep-last", "1", "--prune"]);
    restic(&["check"]);
    let bucket = "s3://row-restic";
    place.run(here, "aws", &["s3", "rb", "--force", bucket]);
}
