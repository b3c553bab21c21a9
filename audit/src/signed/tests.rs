//! Notes and checkpoints against C2SP's published example, and tampered with.

use super::*;

/// The example of the Go implementation that defined the format, `golang.org/x/mod/sumdb/note`.
const GO_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\
    \n\
    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

#[test]
fn the_published_note_opens() {
    let key: VerifyingKey = GO_KEY.parse().unwrap();
    assert_eq!(key.name(), "PeterNeumann");
    assert_eq!(key.to_string(), GO_KEY);
    let text = key.open(GO_NOTE).unwrap();
    assert!(text.ends_with("what your problem is.\n"));
    let changed = GO_NOTE.replace("think", "thank");
    assert_eq!(key.open(&changed), Err(NoteError::Forged));
    assert_eq!(
        key.open(&GO_NOTE.replace("x08go", "x18go")),
        Err(NoteError::NotSigned)
    );
    assert_eq!(key.open("text\n"), Err(NoteError::Malformed));
}

#[test]
fn a_key_whose_id_is_not_its_own_is_refused() {
    for bad in [
        GO_KEY.replace("c74f20a3", "c74f20a4"),
        GO_KEY.replace("PeterNeumann", "Peter"),
        GO_KEY.replace("+ARpc", "+BRpc"),
        "name".to_owned(),
    ] {
        assert_eq!(bad.parse::<VerifyingKey>(), Err(NoteError::Key), "{bad}");
    }
    assert!(SigningKey::from_seed("a b", &[1; 32]).is_err());
}

#[test]
fn a_checkpoint_is_what_was_signed() {
    let key = SigningKey::from_seed("sealgate/d/log", &[7; 32]).unwrap();
    let checkpoint = Checkpoint {
        origin: "sealgate/d/log".to_owned(),
        size: 70_000,
        root: [9; 32],
    };
    let note = checkpoint.sign(&key);
    assert!(note.starts_with("sealgate/d/log\n70000\n"));
    assert_eq!(Checkpoint::open(&note, key.verifying()), Ok(checkpoint));
    let larger = note.replace("\n70000\n", "\n70001\n");
    assert_eq!(
        Checkpoint::open(&larger, key.verifying()),
        Err(NoteError::Forged.into())
    );
    let no_checkpoint = key.sign("only text\n");
    assert_eq!(
        Checkpoint::open(&no_checkpoint, key.verifying()),
        Err(CheckpointError::Malformed)
    );
}

#[test]
fn a_certificate_names_one_log_and_its_key() {
    let deployment = SigningKey::from_seed("sealgate/d", &[1; 32]).unwrap();
    let log = SigningKey::from_seed("sealgate/d/log", &[2; 32]).unwrap();
    let signed = certificate(&deployment, "sealgate/d/log", log.verifying());
    let (origin, key) = certified_key(&signed, deployment.verifying()).unwrap();
    assert_eq!((origin.as_str(), &key), ("sealgate/d/log", log.verifying()));
    let stranger = SigningKey::from_seed("sealgate/d", &[3; 32]).unwrap();
    assert!(certified_key(&signed, stranger.verifying()).is_err());
    assert!(certified_key(&deployment.sign("else\na\nb\n"), deployment.verifying()).is_err());
}
