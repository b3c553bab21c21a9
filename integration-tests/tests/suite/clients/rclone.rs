//! rclone with the presets that people choose; each knows other things of its store.

use std::fs;
use std::path::Path;

use integration_tests::world::World;

use super::files::{assert_same, assert_same_trees, write, write_tree};
use super::place::{Place, row};

row!(|place: Place| folders(place, "Other"); seaweedfs_http, seaweedfs_https, embedded_http, embedded_https);

/// Over 200 MiB rclone uploads in parts.
mod in_parts {
    use super::*;
    row!(|place: Place| parts(place, "Other"); seaweedfs_http, embedded_http);
}

mod minio {
    use super::*;
    row!(|place: Place| folders(place, "Minio"); seaweedfs_http);
}

mod aws {
    use super::*;
    row!(|place: Place| folders(place, "AWS"); seaweedfs_https);
}

mod ceph {
    use super::*;
    row!(|place: Place| folders(place, "Ceph"); seaweedfs_http);
}

fn folders(place: Place, provider: &str) {
    let scratch = World::get().scratch();
    let here = scratch.path();
    let rclone = |arguments: &[&str]| run(place, here, provider, arguments);
    write_tree(&here.join("up"), 20 << 20);
    let root = format!("s3:row-rclone-{}", provider.to_lowercase());
    let tree = format!("{root}/tree");

    rclone(&["mkdir", &root]);
    rclone(&["sync", "up", &tree]);
    rclone(&["check", "up", &tree]);
    rclone(&["check", "--download", "up", &tree]);
    // One line a file, `=` before the name of one that has not changed.
    let compared = rclone(&["sync", "up", &tree, "--combined", "-", "--dry-run"]);
    assert_eq!(compared.lines().count(), 3, "{compared}");
    let same = compared.lines().all(|line| line.starts_with("= "));
    assert!(same, "{compared}");
    rclone(&["sync", "up", &tree]);
    rclone(&["copy", &tree, &format!("{root}/copy")]);
    rclone(&["copy", &format!("{root}/copy"), "down"]);
    assert_same_trees(&here.join("up"), &here.join("down"));

    let large = format!("{tree}/deep/er/large.mpg");
    rclone(&["copyto", &large, "large", "--multi-thread-cutoff", "1M"]);
    assert_same(&here.join("up/deep/er/large.mpg"), &here.join("large"));
    fs::remove_file(here.join("up/empty")).expect("a file can be removed");
    rclone(&["sync", "up", &tree]);
    let listed = rclone(&["lsf", "--recursive", "--files-only", &tree]);
    assert_eq!(listed, "Grüße/two words.txt\ndeep/er/large.mpg\n");

    // With a cutoff of 0 every file goes up in parts. But for Other, rclone then compares the object's ETag with
    // one that it makes of its parts' MD5s.
    let in_parts = format!("{root}/in-parts");
    let parts = ["--s3-upload-cutoff", "0", "--s3-chunk-size", "5Mi"];
    rclone(&[&["copy", "up", &in_parts], &parts[..]].concat());
    rclone(&["check", "--download", "up", &in_parts]);
    rclone(&["purge", &root]);
}

fn parts(place: Place, provider: &str) {
    let scratch = World::get().scratch();
    let here = scratch.path();
    let rclone = |arguments: &[&str]| run(place, here, provider, arguments);
    let root = format!("s3:row-rclone-{}-parts", provider.to_lowercase());
    write(&here.join("up/large"), 250 << 20);
    rclone(&["mkdir", &root]);
    rclone(&["copy", "up", &root]);
    rclone(&["check", "--download", "up", &root]);
    rclone(&["purge", &root]);
}

fn run(place: Place, here: &Path, provider: &str, arguments: &[&str]) -> String {
    place.account().run_rclone(here, provider, arguments)
}
