//! One suite of behaviour for every provider: root keys in a file, and AWS KMS as moto serves it.
//! What moto does otherwise than AWS (a disabled key decrypts there) is tested through the gateway,
//! with a proxy that answers as AWS would.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod behaviour;
mod moto;

use std::time::{Duration, SystemTime};

use kms_keys::{AwsKms, AwsKmsSettings, KmsProvider as _, LocalFile, WhenMissing};

use moto::Moto;

#[tokio::test]
async fn local_file_behaves_as_every_provider() {
    let directory = tempfile::tempdir().unwrap();
    let missing = WhenMissing::Create(SystemTime::UNIX_EPOCH);
    let file = LocalFile::open(&directory.path().join("root-keys"), missing).unwrap();
    behaviour::check(&file).await;
}

#[tokio::test]
async fn aws_kms_behaves_as_every_provider() {
    let moto = Moto::start();
    behaviour::check(&provider(&moto, &moto.create_key()).await).await;
}

#[tokio::test]
async fn aws_kms_moves_a_key_to_another_root_key() {
    let moto = Moto::start();
    let (from, to) = (moto.create_key(), moto.create_key());
    let provider = provider(&moto, &from).await;
    let context = kms_keys::EncryptionContext::for_deployment("d");
    let (secret, wrapped) = provider.generate(&from, &context).await.unwrap();
    let moved = provider
        .rewrap(&from, &wrapped, &to, &context)
        .await
        .unwrap();
    let unwrapped = provider.unwrap(&to, &moved, &context).await.unwrap();
    assert_eq!(unwrapped, secret);
    provider.unwrap(&from, &moved, &context).await.unwrap_err();
}

#[tokio::test]
async fn a_disabled_or_dying_root_key_is_told_when_it_is_described() {
    let moto = Moto::start();
    let key = moto.create_key();
    let provider = provider(&moto, &key).await;
    // moto wants the id alone here.
    let (_, id) = key.rsplit_once('/').unwrap();
    provider.describe(&key).await.unwrap();
    for (action, word) in [
        ("DisableKey", "disabled"),
        ("ScheduleKeyDeletion", "pending deletion"),
    ] {
        moto.ask(action, &format!("{{\"KeyId\":\"{id}\"}}"));
        let error = provider.describe(&key).await.unwrap_err();
        assert!(error.to_string().ends_with(word), "{error}");
    }
}

async fn provider(moto: &Moto, key: &str) -> AwsKms {
    let settings = AwsKmsSettings {
        name: "aws-kms".to_owned(),
        root_key: key.parse().unwrap(),
        region: "eu-central-1".to_owned(),
        endpoint: Some(moto.endpoint()),
        timeout: Duration::from_mins(1),
    };
    AwsKms::with_credentials(settings, "TESTKMS", "secret-for-tests-only").await
}
