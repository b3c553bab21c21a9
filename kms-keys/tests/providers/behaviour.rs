//! What every provider must do; each provider's tests run all of it.

use kms_keys::{EncryptionContext, KeyErrorKind, KeyId, KmsProvider, Purpose, WrappedKey};

pub(super) async fn check(provider: &dyn KmsProvider) {
    let root = provider.default_root_key().to_owned();
    let context = EncryptionContext::for_key("d", "t", KeyId::from([7; 8]), Purpose::Kek);

    let (secret, wrapped) = provider.generate(&root, &context).await.unwrap();
    assert_eq!(
        provider.unwrap(&root, &wrapped, &context).await.unwrap(),
        secret
    );
    assert!(
        !wrapped
            .as_bytes()
            .windows(32)
            .any(|part| part == secret.as_slice())
    );

    let rewrapped = provider.wrap(&root, &secret, &context).await.unwrap();
    assert_eq!(
        provider.unwrap(&root, &rewrapped, &context).await.unwrap(),
        secret
    );
    assert_ne!(rewrapped, wrapped, "wrapping is randomised");

    let rewrapped = provider
        .rewrap(&root, &wrapped, &root, &context)
        .await
        .unwrap();
    assert_eq!(
        provider.unwrap(&root, &rewrapped, &context).await.unwrap(),
        secret
    );

    let (another, _) = provider.generate(&root, &context).await.unwrap();
    assert_ne!(another, secret);

    refuses_other_contexts(provider, &root, &wrapped).await;
    refuses_changed_bytes(provider, &root, &wrapped, &context).await;

    assert_eq!(provider.describe(&root).await.unwrap().id, root);
    let missing = provider.describe("no-such-root-key").await.unwrap_err();
    assert_eq!(missing.kind(), KeyErrorKind::Missing);
    let missing = provider
        .unwrap("no-such-root-key", &wrapped, &context)
        .await
        .unwrap_err();
    assert_eq!(missing.kind(), KeyErrorKind::Missing);
}

async fn refuses_other_contexts(provider: &dyn KmsProvider, root: &str, wrapped: &WrappedKey) {
    let id = KeyId::from([7; 8]);
    for other in [
        EncryptionContext::for_key("e", "t", id, Purpose::Kek),
        EncryptionContext::for_key("d", "u", id, Purpose::Kek),
        EncryptionContext::for_key("d", "t", KeyId::from([8; 8]), Purpose::Kek),
        EncryptionContext::for_key("d", "t", id, Purpose::Aux),
        EncryptionContext::for_deployment("d"),
    ] {
        let error = provider.unwrap(root, wrapped, &other).await.unwrap_err();
        assert_eq!(error.kind(), KeyErrorKind::Corrupt, "{other:?}");
    }
}

async fn refuses_changed_bytes(
    provider: &dyn KmsProvider,
    root: &str,
    wrapped: &WrappedKey,
    context: &EncryptionContext,
) {
    let whole = wrapped.as_bytes().len();
    let flipped = (0..whole).map(|at| {
        let mut bytes = wrapped.as_bytes().to_vec();
        bytes[at] ^= 1;
        bytes
    });
    let cut = [0, 1, whole - 1].map(|short| wrapped.as_bytes()[..short].to_vec());
    for bytes in flipped.chain(cut) {
        let refused = provider.unwrap(root, &bytes.clone().into(), context).await;
        // A service may take a changed beginning for the name of another root key.
        let kind = refused.unwrap_err().kind();
        assert!(!kind.is_retryable(), "{kind:?}: {bytes:02x?}");
    }
}
