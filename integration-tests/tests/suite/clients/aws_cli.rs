//! aws-cli 1: cp, sync, mv and rm. The second version is asked for the same.

use std::fs;
use std::path::Path;

use integration_tests::world::World;

use super::files::{SMALL, assert_same, assert_same_trees, slice, write_tree};
use super::place::{Place, row};

row!(aws; seaweedfs_http, seaweedfs_https, embedded_http, embedded_https);

fn aws(place: Place) {
    let scratch = World::get().scratch();
    let here = scratch.path();
    work(place, here, "row-aws", &|arguments| {
        place.run(here, "aws", arguments)
    });
}

/// Has an aws-cli of either version do everything, in the directory `here` and in a bucket of its own.
pub(super) fn work(place: Place, here: &Path, bucket: &str, aws: &dyn Fn(&[&str]) -> String) {
    let large = place.large();
    write_tree(&here.join("up"), large);
    let all = format!("s3://{bucket}");
    let tree = format!("{all}/tree");
    aws(&["s3", "mb", &all]);

    let sync = |from: &str, to: &str| aws(&["s3", "sync", from, to, "--no-progress"]);
    let first = sync("up", &tree);
    assert_eq!(first.matches("upload: ").count(), 3, "{first}");
    assert_eq!(sync("up", &tree), "", "nothing has changed");
    let down = sync(&tree, "down");
    assert_eq!(down.matches("download: ").count(), 3, "{down}");
    assert_eq!(sync(&tree, "down"), "", "sizes are the files'");
    assert_same_trees(&here.join("up"), &here.join("down"));

    // The local sizes, byte for byte, though more bytes lie in the store.
    let listed = aws(&["s3", "ls", "--recursive", &tree]);
    let sizes: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .collect();
    assert_eq!(
        sizes,
        [&SMALL.to_string(), &large.to_string(), "0"],
        "{listed}"
    );

    let object = ["--bucket", bucket, "--key", "tree/deep/er/large.mpg"];
    let read = [&["s3api", "get-object"], &object[..], &["part"]].concat();
    aws(&[&read[..], &["--range", "bytes=70000-9000000"]].concat());
    let expected = slice(&here.join("up/deep/er/large.mpg"), 70_000..9_000_001);
    assert!(fs::read(here.join("part")).is_ok_and(|part| part == expected));

    // Within S3 a large object moves by ranged part copies that name the listed ETag.
    let (from, moved) = (format!("{tree}/deep/er/large.mpg"), format!("{all}/moved"));
    aws(&["s3", "mv", &from, &moved]);
    aws(&["s3", "mv", &moved, "back"]);
    assert_same(&here.join("up/deep/er/large.mpg"), &here.join("back"));

    aws(&["s3", "rm", "--recursive", &all]);
    assert_eq!(aws(&["s3", "ls", "--recursive", &all]), "");
    aws(&["s3", "rb", &all]);
}
