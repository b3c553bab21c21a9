//! The clients people type: aws-cli, rclone and s3cmd, with default settings.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use integration_tests::gateway::Upstream;
use integration_tests::world::World;

use crate::{on_both_upstreams, shared};

on_both_upstreams! {
    aws_copies_syncs_moves_and_removes => aws;
    rclone_copies_checks_and_syncs => rclone;
    rclone_uploads_250_mib_in_parts => rclone_in_parts;
    rclone_compares_the_etag_of_parts => rclone_presets;
    s3cmd_puts_gets_and_lists => s3cmd;
}

fn aws(upstream: Upstream) {
    let scratch = World::get().scratch();
    let here = scratch.path();
    let aws = |arguments: &[&str]| shared(upstream).account().run_aws(here, arguments);
    aws(&["s3", "mb", "s3://aws"]);

    write(&here.join("up/one.txt"), 1000);
    write(&here.join("up/empty"), 0);
    write(&here.join("up/deep/er/nine.mpg"), 9 << 20);
    aws(&["s3", "cp", "up/one.txt", "s3://aws/copied.txt"]);
    aws(&["s3", "cp", "s3://aws/copied.txt", "copied.txt"]);
    assert_same(&here.join("up/one.txt"), &here.join("copied.txt"));

    let first = aws(&["s3", "sync", "up", "s3://aws/tree", "--no-progress"]);
    assert_eq!(first.matches("upload: ").count(), 3, "{first}");
    let second = aws(&["s3", "sync", "up", "s3://aws/tree", "--no-progress"]);
    assert_eq!(second, "", "nothing has changed");
    let down = aws(&["s3", "sync", "s3://aws/tree", "down", "--no-progress"]);
    assert_eq!(down.matches("download: ").count(), 3, "{down}");
    let again = aws(&["s3", "sync", "s3://aws/tree", "down", "--no-progress"]);
    assert_eq!(again, "", "sizes in the listing are those of the files");
    assert_same_trees(&here.join("up"), &here.join("down"));

    // The local sizes, byte for byte, though more bytes lie in the store.
    let listed = aws(&["s3", "ls", "--recursive", "s3://aws/tree"]);
    let sizes: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .collect();
    assert_eq!(sizes, ["9437184", "0", "1000"], "{listed}");

    write(&here.join("large"), 20 << 20);
    fs::copy(here.join("large"), here.join("kept")).expect("a file can be copied");
    aws(&["s3", "mv", "large", "s3://aws/moved"]);
    assert!(!here.join("large").exists(), "mv removes its source");
    // Within S3 a large object moves by ranged part copies that name the listed ETag.
    aws(&["s3", "mv", "s3://aws/moved", "s3://aws/moved-again"]);
    aws(&["s3", "mv", "s3://aws/moved-again", "back"]);
    assert_same(&here.join("kept"), &here.join("back"));

    aws(&["s3", "rm", "s3://aws/copied.txt"]);
    aws(&["s3", "rm", "--recursive", "s3://aws/tree"]);
    assert_eq!(aws(&["s3", "ls", "--recursive", "s3://aws"]), "");
    aws(&["s3", "rb", "s3://aws"]);
}

fn rclone(upstream: Upstream) {
    let scratch = World::get().scratch();
    let here = scratch.path();
    let rclone = |arguments: &[&str]| shared(upstream).account().run_rclone(here, arguments);
    write(&here.join("up/one"), 1);
    write(&here.join("up/Grüße/two words.txt"), 70_000);
    write(&here.join("up/deep/three"), 6_000_000);

    rclone(&["mkdir", "s3:rclone"]);
    rclone(&["copy", "up", "s3:rclone/tree"]);
    rclone(&["check", "up", "s3:rclone/tree"]);
    rclone(&["check", "--download", "up", "s3:rclone/tree"]);
    // One line a file, `=` before the name of one that has not changed.
    let combined = [
        "sync",
        "up",
        "s3:rclone/tree",
        "--combined",
        "-",
        "--dry-run",
    ];
    let compared = rclone(&combined);
    assert_eq!(compared.lines().count(), 3, "{compared}");
    assert!(
        compared.lines().all(|line| line.starts_with("= ")),
        "{compared}"
    );
    rclone(&["sync", "up", "s3:rclone/tree"]);
    rclone(&["copy", "s3:rclone/tree", "down"]);
    assert_same_trees(&here.join("up"), &here.join("down"));

    fs::remove_file(here.join("up/one")).expect("a file can be removed");
    rclone(&["sync", "up", "s3:rclone/tree"]);
    let listed = rclone(&["lsf", "--recursive", "--files-only", "s3:rclone/tree"]);
    assert_eq!(listed, "Grüße/two words.txt\ndeep/three\n");
    rclone(&["purge", "s3:rclone"]);
}

fn rclone_in_parts(upstream: Upstream) {
    let scratch = World::get().scratch();
    let here = scratch.path();
    let rclone = |arguments: &[&str]| shared(upstream).account().run_rclone(here, arguments);
    write(&here.join("up/large"), 250 << 20);
    rclone(&["mkdir", "s3:rclone-parts"]);
    rclone(&["copy", "up", "s3:rclone-parts"]);
    rclone(&["check", "--download", "up", "s3:rclone-parts"]);
    rclone(&["purge", "s3:rclone-parts"]);
}

/// With these providers rclone compares the `ETag` of an upload in parts with one of its own making. The
/// file's size stands for that of files over its default cutoff of 200 MiB.
fn rclone_presets(upstream: Upstream) {
    let scratch = World::get().scratch();
    let here = scratch.path();
    write(&here.join("up/parts"), 12 << 20);
    write(&here.join("up/one-part"), 1 << 20);
    for provider in ["AWS", "Minio", "Ceph", "Other"] {
        let remote = format!("s3:rclone-{}", provider.to_lowercase());
        let rclone = |arguments: &[&str]| {
            let preset = ["--s3-provider", provider, "--s3-force-path-style"];
            let parts = ["--s3-upload-cutoff", "0", "--s3-chunk-size", "5Mi"];
            let arguments = [arguments, &preset, &parts].concat();
            shared(upstream).account().run_rclone(here, &arguments)
        };
        rclone(&["mkdir", &remote]);
        rclone(&["copy", "up", &remote]);
        rclone(&["check", "--download", "up", &remote]);
        rclone(&["purge", &remote]);
    }
}

fn s3cmd(upstream: Upstream) {
    let scratch = World::get().scratch();
    let here = scratch.path();
    let s3cmd = |arguments: &[&str]| shared(upstream).account().run_s3cmd(here, arguments);
    write(&here.join("small"), 12_345);
    // Over 15 MiB s3cmd uploads in parts.
    write(&here.join("large"), 16 << 20);
    s3cmd(&["mb", "s3://s3cmd"]);
    for name in ["small", "large"] {
        let remote = format!("s3://s3cmd/{name}");
        let back = format!("{name}.back");
        s3cmd(&["put", name, &remote]);
        s3cmd(&["get", &remote, &back]);
        assert_same(&here.join(name), &here.join(&back));
    }
    let listed = s3cmd(&["ls", "s3://s3cmd"]);
    let sizes: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .collect();
    assert_eq!(sizes, ["16777216", "12345"], "{listed}");
    s3cmd(&["del", "--recursive", "--force", "s3://s3cmd"]);
    s3cmd(&["rb", "s3://s3cmd"]);
}

/// Writes `length` bytes no two blocks of which are the same.
fn write(path: &Path, length: usize) {
    let folder = path.parent().expect("a file is in a folder");
    fs::create_dir_all(folder).expect("a folder can be made");
    let mut file = File::create(path).expect("a file can be written");
    let mut state = u64::try_from(length).expect("a length fits") | 1;
    let mut left = length;
    while left > 0 {
        let block: Vec<u8> = (0..BLOCK / 8).flat_map(|_| next(&mut state)).collect();
        let (block, _) = block.split_at(left.min(BLOCK));
        file.write_all(block).expect("a file can be written");
        left -= block.len();
    }
}

/// Marsaglia's xorshift64.
fn next(state: &mut u64) -> [u8; 8] {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    state.to_le_bytes()
}

fn assert_same(left: &Path, right: &Path) {
    let read = |path: &Path| fs::read(path).expect("a file can be read");
    // Not assert_eq: nobody wants to see 20 MiB printed.
    assert!(
        read(left) == read(right),
        "{} and {} differ",
        left.display(),
        right.display()
    );
}

fn assert_same_trees(left: &Path, right: &Path) {
    let names = |folder: &Path| {
        let mut names: Vec<_> = fs::read_dir(folder)
            .expect("a folder can be read")
            .map(|entry| entry.expect("an entry can be read").file_name())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(left), names(right));
    for name in names(left) {
        let (left, right) = (left.join(&name), right.join(&name));
        if left.is_dir() {
            assert_same_trees(&left, &right);
        } else {
            assert_same(&left, &right);
        }
    }
}

const BLOCK: usize = 1 << 16;
