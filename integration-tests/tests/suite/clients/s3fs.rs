//! s3fs-fuse: a bucket as a folder, in which files are written, changed in the middle, appended to, read from anywhere,
//! renamed and removed. Of a file that changes it copies the old ranges and uploads the new ones, in one upload. It runs
//! where it is installed and may mount, and says so where not.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use integration_tests::client::Account;
use integration_tests::process::Process;
use integration_tests::world::World;

use super::files::{SMALL, assert_same, slice, write};
use super::place::{Place, row};

row!(s3fs; seaweedfs_http, seaweedfs_https, embedded_http);

fn s3fs(place: Place) {
    if let Some(reason) = cannot_run() {
        // Past the capture of the test harness.
        let _ = writeln!(std::io::stderr(), "s3fs row not run: {reason}");
        return;
    }
    let scratch = World::get().scratch();
    let here = scratch.path();
    place.run(here, "aws", &["s3", "mb", BUCKET]);
    let (small, large) = (here.join("small"), here.join("large"));
    write(&small, SMALL);
    write(&large, place.large());

    let mounted = Mounted::at(here, place.account());
    let there = |name: &str| mounted.folder.join(name);
    fs::create_dir(there("folder")).expect("a folder is made");
    fs::copy(&small, there("folder/small")).expect("a file is written");
    fs::copy(&large, there("large")).expect("a file is written in parts");
    assert_same(&small, &there("folder/small"));
    assert_same(&large, &there("large"));
    for file in [&large, &there("large")] {
        change(file, SeekFrom::Start(7_654_321), b"in the middle");
        change(file, SeekFrom::End(0), b"at the end");
    }
    assert_same(&large, &there("large"));
    fs::rename(there("large"), there("folder/renamed")).expect("a file is renamed");
    let rights = fs::Permissions::from_mode(0o640);
    fs::set_permissions(there("folder/renamed"), rights).expect("its rights are changed");
    drop(mounted);

    // Nothing is remembered, and another client sees the same.
    let object = format!("{BUCKET}/folder/renamed");
    place.run(here, "aws", &["s3", "cp", &object, "down"]);
    assert_same(&large, &here.join("down"));
    let mounted = Mounted::at(here, place.account());
    let there = |name: &str| mounted.folder.join(name);
    for start in [9_999_999, 70_000, 0, place.large() - 1000] {
        let mut file = File::open(there("folder/renamed")).expect("it is there");
        let mut read = vec![0; 1000];
        let from = SeekFrom::Start(start.try_into().expect("an offset fits"));
        file.seek(from).expect("it is long enough");
        file.read_exact(&mut read).expect("it can be read");
        assert!(read == slice(&large, start..start + 1000), "at {start}");
    }
    let listed = fs::read_dir(there("folder")).expect("it can be listed");
    assert_eq!(listed.count(), 2);
    let rights = fs::metadata(there("folder/renamed")).expect("it is there");
    assert_eq!(rights.permissions().mode() & 0o777, 0o640);
    assert!(fs::metadata(there("large")).is_err(), "it was renamed");
    fs::remove_dir_all(there("folder")).expect("all is removed");
    drop(mounted);
    place.run(here, "aws", &["s3", "rb", BUCKET]);
}

/// Writes over what is there, or behind it.
fn change(file: &Path, place: SeekFrom, bytes: &[u8]) {
    let mut file = OpenOptions::new().write(true).open(file).expect("it opens");
    file.seek(place).expect("there is such a place");
    file.write_all(bytes).expect("it can be changed");
    file.sync_all().expect("it is stored");
}

/// Why this machine cannot mount a bucket.
fn cannot_run() -> Option<String> {
    let program = Path::new(PROGRAM);
    if !program.is_file() {
        return Some(format!("no {PROGRAM}"));
    }
    let fuse = OpenOptions::new().read(true).write(true).open("/dev/fuse");
    if let Err(error) = fuse {
        return Some(format!("/dev/fuse: {error}"));
    }
    // capabilities(7): whether any program started here, such as fusermount, may be allowed to mount.
    let status = fs::read_to_string("/proc/self/status").expect("a process has a status");
    let bounding = status
        .lines()
        .find_map(|line| line.strip_prefix("CapBnd:"))
        .and_then(|value| u64::from_str_radix(value.trim(), 16).ok());
    let may = bounding.is_none_or(|set| set >> CAP_SYS_ADMIN & 1 == 1);
    (!may).then(|| "nothing may be mounted here (CAP_SYS_ADMIN)".to_owned())
}

/// A bucket that is mounted until this is dropped.
struct Mounted {
    folder: PathBuf,
    // Held for its end.
    process: Process,
}

impl Mounted {
    fn at(here: &Path, account: &Account) -> Self {
        let folder = here.join("mounted");
        fs::create_dir_all(&folder).expect("a folder can be made");
        let credentials = &account.credentials;
        let mut arguments = vec![
            format!("AWS_ACCESS_KEY_ID={}", credentials.access_key_id()),
            format!("AWS_SECRET_ACCESS_KEY={}", credentials.secret_access_key()),
        ];
        if let Some(authority) = &account.authority {
            arguments.push(format!("CURL_CA_BUNDLE={}", authority.display()));
        }
        let bucket = BUCKET.trim_start_matches("s3://");
        let shown = folder.display().to_string();
        arguments.extend([PROGRAM, "-f", bucket, &shown].map(str::to_owned));
        for option in [
            format!("url={}", account.endpoint),
            "endpoint=us-east-1".to_owned(),
            "use_path_request_style".to_owned(),
            format!("tmpdir={}", here.display()),
        ] {
            arguments.extend(["-o".to_owned(), option]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut process = Process::start("env".as_ref(), &arguments, &here.join("s3fs.log"));
        process.wait_for(START_LIMIT, |_| is_mounted(&shown).then_some(()));
        Self { folder, process }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Before the folder is removed with what lies below it, whatever became of the test.
        let unmounted = Command::new("fusermount")
            .arg("-u")
            .arg(&self.folder)
            .status();
        if !unmounted.is_ok_and(|status| status.success()) {
            self.process.kill();
            let lazily = ["-u", "-z"];
            let _ = Command::new("fusermount")
                .args(lazily)
                .arg(&self.folder)
                .status();
        }
        assert!(
            std::thread::panicking() || !is_mounted(&self.folder.display().to_string()),
            "{} stays mounted",
            self.folder.display()
        );
    }
}

fn is_mounted(folder: &str) -> bool {
    let mounts = fs::read_to_string("/proc/self/mounts").expect("mounts are told");
    mounts
        .lines()
        .any(|line| line.split(' ').nth(1) == Some(folder))
}

const PROGRAM: &str = "/usr/bin/s3fs";
const BUCKET: &str = "s3://row-s3fs";
const CAP_SYS_ADMIN: u32 = 21;
const START_LIMIT: Duration = Duration::from_mins(1);
