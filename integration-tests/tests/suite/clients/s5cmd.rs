//! s5cmd, which stands on the first Go SDK: an MD5 with each part, reads by ranges.

use integration_tests::world::World;

use super::files::{assert_same_trees, write_tree};
use super::place::{Place, row};

row!(s5cmd; seaweedfs_http, seaweedfs_https, embedded_http);

fn s5cmd(place: Place) {
    let scratch = World::get().scratch();
    let here = scratch.path();
    let s5cmd = |arguments: &[&str]| {
        let endpoint = ["--endpoint-url", place.account().endpoint.as_str()];
        place.run(here, "s5cmd", &[&endpoint, arguments].concat())
    };
    // Over 50 MiB s5cmd uploads and downloads in parts.
    write_tree(&here.join("up"), place.large());
    s5cmd(&["mb", "s3://row-s5cmd"]);
    let first = s5cmd(&["sync", "up/", "s3://row-s5cmd/tree/"]);
    assert_eq!(first.lines().count(), 3, "{first}");
    assert_eq!(s5cmd(&["sync", "up/", "s3://row-s5cmd/tree/"]), "");
    s5cmd(&["cp", "s3://row-s5cmd/tree/*", "s3://row-s5cmd/copy/"]);
    let down = s5cmd(&["sync", "s3://row-s5cmd/copy/*", "down/"]);
    assert_eq!(down.lines().count(), 3, "{down}");
    assert_same_trees(&here.join("up"), &here.join("down"));
    let listed = s5cmd(&["ls", "s3://row-s5cmd/tree/*"]);
    let large = place.large().to_string();
    for size in ["0", "70000", &large] {
        let sizes = || listed.split_whitespace().filter(|word| *word == size);
        assert_eq!(sizes().count(), 1, "{size} in {listed}");
    }
    s5cmd(&["rm", "s3://row-s5cmd/*"]);
    s5cmd(&["rb", "s3://row-s5cmd"]);
}
