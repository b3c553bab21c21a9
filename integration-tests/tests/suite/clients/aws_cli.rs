//! aws-cli 1: cp, sync, mv and rm.

use std::fs;

use integration_tests::world::World;

use super::files::{SMALL, assert_same, assert_same_trees, slice, write_tree};
use super::place::{Place, row};

row!(aws; seaweedfs_http, seaweedfs_https, embedded_http, embedded_https);

fn aws(place: Place) {
    let scratch = World::get().scratch();
    let here = scratch.path();
    let aws = |arguments: &[&str]| place.run(here, "aws", arguments);
    let large = place.large();
    write_tree(&here.join("up"), large);
    aws(&["s3", "mb", "s3://row-aws"]);

    let sync = |from: &str, to: &str| aws(&["s3", "sync", from, to, "--no-progress"]);
    let first = sync("up", "s3://row-aws/tree");
    assert_eq!(first.matches("upload: ").count(), 3, "{first}");
    assert_eq!(sync("up", "s3://row-aws/tree"), "", "nothing has changed");
    let down = sync("s3://row-aws/tree", "down");
    assert_eq!(down.matches("download: ").count(), 3, "{down}");
    assert_eq!(
        sync("s3://row-aws/tree", "down"),
        "",
        "sizes are the files'"
    );
    assert_same_trees(&here.join("up"), &here.join("down"));

    // The local sizes, byte for byte, though more bytes lie in the store.
    let listed = aws(&["s3", "ls", "--recursive", "s3://row-aws/tree"]);
    let sizes: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .collect();
    assert_eq!(
        sizes,
        [&SMALL.to_string(), &large.to_string(), "0"],
        "{listed}"
    );

    let object = ["--bucket", "row-aws", "--key", "tree/deep/er/large.mpg"];
    let read = [&["s3api", "get-object"], &object[..], &["part"]].concat();
    aws(&[&read[..], &["--range", "bytes=70000-9000000"]].concat());
    let expected = slice(&here.join("up/deep/er/large.mpg"), 70_000..9_000_001);
    assert!(fs::read(here.join("part")).is_ok_and(|part| part == expected));

    // Within S3 a large object moves by ranged part copies that name the listed ETag.
    aws(&[
        "s3",
        "mv",
        "s3://row-aws/tree/deep/er/large.mpg",
        "s3://row-aws/moved",
    ]);
    aws(&["s3", "mv", "s3://row-aws/moved", "back"]);
    assert_same(&here.join("up/deep/er/large.mpg"), &here.join("back"));

    aws(&["s3", "rm", "--recursive", "s3://row-aws"]);
    assert_eq!(aws(&["s3", "ls", "--recursive", "s3://row-aws"]), "");
    aws(&["s3", "rb", "s3://row-aws"]);
}
