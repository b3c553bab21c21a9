//! The `local-file` provider: behaviour common to all providers, and the file it lives in.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    sync::Barrier,
    time::{Duration, SystemTime},
};

use tempfile::TempDir;

use super::*;
use crate::{KeyId, Purpose};

fn made_at() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_763_750_000)
}

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("root-keys");
    (directory, path)
}

#[tokio::test]
async fn a_restart_keeps_the_keys() {
    let (_directory, path) = place();
    let context = EncryptionContext::for_key("d", "t", KeyId::from([1; 8]), Purpose::Kek);
    let first = LocalFile::open(&path, WhenMissing::Create(made_at())).unwrap();
    let (secret, wrapped) = first
        .generate(first.default_root_key(), &context)
        .await
        .unwrap();

    let second = LocalFile::open(&path, WhenMissing::Refuse).unwrap();
    assert_eq!(second.default_root_key(), first.default_root_key());
    assert_eq!(
        second
            .unwrap(first.default_root_key(), &wrapped, &context)
            .await
            .unwrap(),
        secret
    );
    let described = second.describe(second.default_root_key()).await.unwrap();
    assert_eq!(described.created, Some(made_at()));
}

#[tokio::test]
async fn an_older_key_still_unwraps_and_the_last_one_wraps() {
    let (_directory, path) = place();
    let context = EncryptionContext::for_deployment("d");
    let first = LocalFile::open(&path, WhenMissing::Create(made_at())).unwrap();
    let (secret, wrapped) = first
        .generate(first.default_root_key(), &context)
        .await
        .unwrap();

    let mut text = fs::read_to_string(&path).unwrap();
    text.push_str("local-2 2026-01-02T03:04:05Z AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
    fs::write(&path, text).unwrap();
    let second = LocalFile::open(&path, WhenMissing::Refuse).unwrap();
    assert_eq!(second.default_root_key(), "local-2");
    assert_eq!(
        second.newest.secret.as_slice(),
        (0..32).collect::<Vec<u8>>()
    );
    assert_eq!(
        second
            .unwrap(first.default_root_key(), &wrapped, &context)
            .await
            .unwrap(),
        secret
    );
    let wrong = second
        .unwrap("local-2", &wrapped, &context)
        .await
        .unwrap_err();
    assert!(matches!(wrong, KeyError::DoesNotUnwrap { .. }), "{wrong:?}");
}

#[test]
fn the_file_is_made_for_its_owner_alone_and_leaves_no_draft() {
    let (directory, path) = place();
    LocalFile::open(&path, WhenMissing::Create(made_at())).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_file_others_may_read_is_refused_with_the_way_to_mend_it() {
    let (_directory, path) = place();
    LocalFile::open(&path, WhenMissing::Create(made_at())).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o601] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = LocalFile::open(&path, WhenMissing::Create(made_at())).unwrap_err();
        assert!(matches!(error, LocalFileError::Exposed { .. }), "{error:?}");
        assert!(
            error
                .to_string()
                .contains(&format!("chmod 600 {}", path.display())),
            "{error}"
        );
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    LocalFile::open(&path, WhenMissing::Refuse).unwrap();
}

#[test]
fn a_missing_file_is_made_only_when_asked() {
    let (_directory, path) = place();
    let error = LocalFile::open(&path, WhenMissing::Refuse).unwrap_err();
    assert!(matches!(error, LocalFileError::Missing { .. }), "{error:?}");
    assert!(!path.exists());
}

#[test]
fn processes_that_start_together_agree_on_one_key() {
    let (directory, path) = place();
    let together = Barrier::new(8);
    let ids: Vec<String> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    together.wait();
                    let opened = LocalFile::open(&path, WhenMissing::Create(made_at())).unwrap();
                    opened.default_root_key().to_owned()
                })
            })
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_damaged_file_is_refused_without_showing_a_key() {
    let (_directory, path) = place();
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    for text in [
        format!("one 2026-01-02T03:04:05Z {}\n", key.get(4..).unwrap()),
        format!("one yesterday {key}\n"),
        format!("one 2026-01-02T03:04:05Z {key} two\n"),
        format!("one 2026-01-02T03:04:05Z {key}\none 2026-01-02T03:04:05Z {key}\n"),
        format!("# {key}\n"),
        String::new(),
    ] {
        fs::write(&path, &text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let error = LocalFile::open(&path, WhenMissing::Create(made_at())).unwrap_err();
        assert!(
            matches!(
                error,
                LocalFileError::Line { .. } | LocalFileError::Empty { .. }
            ),
            "{error:?}"
        );
        assert!(
            !format!("{error} {error:?}").contains(key.get(8..16).unwrap()),
            "{error:?}"
        );
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            text,
            "a damaged file is left as it is"
        );
    }
}

#[test]
fn debug_shows_no_root_key() {
    let (_directory, path) = place();
    fs::write(
        &path,
        "one 2026-01-02T03:04:05Z xcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcU=\n",
    )
    .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let shown = format!("{:?}", LocalFile::open(&path, WhenMissing::Refuse).unwrap());
    for leak in ["197", "c5c5", "xcXF"] {
        assert!(!shown.contains(leak), "{shown}");
    }
}
