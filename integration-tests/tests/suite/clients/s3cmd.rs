//! s3cmd, which compares every ETag that looks like an MD5 with what it sent.

use integration_tests::world::World;

use super::files::{assert_same, assert_same_trees, write_tree};
use super::place::{Place, row};

row!(s3cmd; seaweedfs_http, seaweedfs_https, embedded_http);

fn s3cmd(place: Place) {
    let scratch = World::get().scratch();
    let here = scratch.path();
    let s3cmd = |arguments: &[&str]| place.account().run_s3cmd(here, arguments);
    let large = place.large();
    // Over 15 MiB s3cmd uploads in parts.
    write_tree(&here.join("up"), large);
    s3cmd(&["mb", "s3://row-s3cmd"]);
    let first = s3cmd(&["sync", "up/", "s3://row-s3cmd/tree/"]);
    assert_eq!(first.matches("upload: ").count(), 3, "{first}");
    let second = s3cmd(&["sync", "up/", "s3://row-s3cmd/tree/"]);
    assert!(!second.contains("upload: "), "{second}");
    s3cmd(&["sync", "s3://row-s3cmd/tree/", "down/"]);
    assert_same_trees(&here.join("up"), &here.join("down"));

    s3cmd(&[
        "cp",
        "s3://row-s3cmd/tree/deep/er/large.mpg",
        "s3://row-s3cmd/copy",
    ]);
    s3cmd(&["get", "s3://row-s3cmd/copy", "copy"]);
    assert_same(&here.join("up/deep/er/large.mpg"), &here.join("copy"));
    let listed = s3cmd(&["ls", "--recursive", "s3://row-s3cmd/tree"]);
    let sizes: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .collect();
    assert_eq!(sizes, ["70000", &large.to_string(), "0"], "{listed}");

    s3cmd(&["del", "--recursive", "--force", "s3://row-s3cmd"]);
    assert_eq!(s3cmd(&["ls", "--recursive", "s3://row-s3cmd"]), "");
    s3cmd(&["rb", "s3://row-s3cmd"]);
}
