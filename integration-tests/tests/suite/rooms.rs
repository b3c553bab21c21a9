//! Who may know whom: the arrows of docs/architecture.md, between crates and inside the gateway.

use std::collections::BTreeSet;
use std::process::Command;

use crate::scan::{self, Source};

/// What one room may and may not depend on.
struct Room {
    name: &'static str,
    /// The only rooms of ours it may name in its manifest.
    rooms: &'static [&'static str],
    /// Crates it must not name in its manifest.
    without: &'static [&'static str],
    /// Crates that must not come in by any way.
    pure_of: &'static [&'static str],
}

/// Words that code in some places must not use.
struct Ban {
    /// Files whose path begins with one of these are read,
    within: &'static [&'static str],
    /// apart from those that begin with one of these.
    except: &'static [&'static str],
    words: &'static [&'static str],
    because: &'static str,
}

#[test]
fn rooms_know_only_whom_they_may() {
    let ours: BTreeSet<&str> = ROOMS.iter().map(|room| room.name).collect();
    for room in ROOMS {
        let named = dependencies(room.name, Some(1));
        for one in &named {
            let name = one.as_str();
            assert!(
                !ours.contains(name) || room.rooms.contains(&name),
                "{} must not know {name}",
                room.name
            );
            assert!(
                !room.without.contains(&name),
                "{} must not use {name}",
                room.name
            );
        }
        if !room.pure_of.is_empty() {
            let all = dependencies(room.name, None);
            let impure: Vec<_> = room
                .pure_of
                .iter()
                .filter(|one| all.contains(**one))
                .collect();
            assert!(
                impure.is_empty(),
                "{} is pure, yet builds {impure:?}",
                room.name
            );
        }
    }
}

/// Without this the test above would be content with an empty answer of cargo's.
#[test]
fn what_a_room_builds_on_is_seen() {
    let named = dependencies("gateway", Some(1));
    assert!(
        named.contains("sealed-object") && named.contains("hyper"),
        "{named:?}"
    );
    assert!(dependencies("sealed-object", None).contains("blake3"));
}

#[test]
fn every_crate_is_a_room() {
    let manifest = scan::root().join("Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).expect("the workspace has a manifest");
    let (_, members) = manifest.split_once("members = [").expect("it has members");
    let (members, _) = members.split_once(']').expect("the list ends");
    let members: BTreeSet<&str> = members.split('"').skip(1).step_by(2).collect();
    let rooms: BTreeSet<&str> = ROOMS.iter().map(|room| room.name).collect();
    assert_eq!(members, rooms, "ROOMS in this file says who may know whom");
}

#[test]
fn code_keeps_to_its_room() {
    let sources = scan::workspace();
    let mut broken = Vec::new();
    for ban in BANS {
        for part in ban.within {
            let read: Vec<&Source> = sources
                .iter()
                .filter(|source| source.extension() == "rs" && source.path.starts_with(part))
                .collect();
            assert!(
                !read.is_empty(),
                "{part} has gone; adjust BANS in this file"
            );
            broken.extend(read.into_iter().filter_map(|source| breach(ban, source)));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

fn breach(ban: &Ban, source: &Source) -> Option<String> {
    let excepted = ban
        .except
        .iter()
        .any(|start| source.path.starts_with(start));
    if excepted || source.is_test() {
        return None;
    }
    let word = ban
        .words
        .iter()
        .find(|word| source.product_code().any(|line| scan::mentions(line, word)))?;
    Some(format!("{} uses {word}: {}", source.path, ban.because))
}

/// The crates `room` builds on, `depth` levels down or all of them, without itself.
fn dependencies(room: &str, depth: Option<u8>) -> BTreeSet<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(scan::root())
        .args(["tree", "--package", room, "--edges", "normal"])
        .args([
            "--prefix",
            "none",
            "--format",
            "{lib}",
            "--offline",
            "--locked",
        ]);
    if let Some(depth) = depth {
        cargo.args(["--depth", &depth.to_string()]);
    }
    let output = cargo.output().expect("cargo starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let tree = String::from_utf8_lossy(&output.stdout);
    tree.lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(|name| name.replace('_', "-"))
        .filter(|name| name != room)
        .collect()
}

const ROOMS: &[Room] = &[
    Room {
        name: "sealed-object",
        rooms: &[],
        without: &[],
        pure_of: NETWORK,
    },
    Room {
        name: "policies",
        rooms: &[],
        without: &[],
        pure_of: NETWORK,
    },
    Room {
        name: "kms-keys",
        rooms: &["sealed-object"],
        without: &["s3s"],
        pure_of: &[],
    },
    Room {
        name: "audit",
        rooms: &[],
        without: &["s3s", "http", "http-body", "hyper", "object-store"],
        pure_of: &[],
    },
    Room {
        name: "audit-index",
        rooms: &["audit"],
        without: &["http", "hyper", "s3s", "object-store"],
        pure_of: &[],
    },
    Room {
        name: "embedded-bucket",
        rooms: &[],
        without: &[],
        pure_of: &[],
    },
    Room {
        name: "gateway",
        rooms: &[
            "sealed-object",
            "policies",
            "kms-keys",
            "audit",
            "audit-index",
            "embedded-bucket",
        ],
        without: &["s3s", "reqwest", "url"],
        pure_of: &[],
    },
    // They know the gateway by its binary.
    Room {
        name: "integration-tests",
        rooms: &[],
        without: &[],
        pure_of: &[],
    },
    Room {
        name: "fuzz",
        rooms: &["gateway", "policies", "sealed-object"],
        without: &[],
        pure_of: &[],
    },
    Room {
        name: "xtask",
        rooms: &[],
        without: &[],
        pure_of: &[],
    },
];
const NETWORK: &[&str] = &["tokio", "http", "hyper", "s3s", "object-store", "reqwest"];

const BANS: &[Ban] = &[
    Ban {
        within: &["gateway/src/s3", "gateway/src/sigv4"],
        except: &[],
        words: &["sealed_object", "kms_keys"],
        because: "S3's meaning and its signatures know no crypto",
    },
    Ban {
        within: &["gateway/src/upstream"],
        except: &[],
        words: &["kms_keys", "Plain", "Sealer", "Opener"],
        because: "the upstream is handed sealed bytes and holds no key",
    },
    Ban {
        within: &[
            "gateway/src/sinks",
            "audit/src/following",
            "audit-index/src",
        ],
        except: &[],
        words: &["AuditKey", "AuditKeys", "kms_keys", "crate::s3"],
        because: "what is passed on stays sealed: sinks have no keys, and know no requests",
    },
    Ban {
        within: &["gateway/src/archive", "audit/src/archiving"],
        except: &[],
        words: &["AuditKey", "AuditKeys", "kms_keys", "sealed_object"],
        because: "what is archived stays sealed: the archive has no tenant's keys, and no objects",
    },
    Ban {
        within: &["gateway/src"],
        except: &["gateway/src/config"],
        words: &["std::env"],
        because: "only config reads the environment",
    },
    Ban {
        within: &["gateway/src/admin", "gateway/src/control"],
        except: &[],
        words: &["crate::s3", "crate::sigv4", "sealed_object", "crate::body"],
        because: "administration knows no S3 and no object bytes",
    },
    Ban {
        within: PRODUCT,
        except: &["gateway/src/server"],
        words: &["tokio::spawn", "task::spawn", "JoinSet"],
        because: "only the server starts tasks, so that it can end them",
    },
    Ban {
        within: PRODUCT,
        except: &[
            "sealed-object/src/chunk.rs",
            "kms-keys/src/aead.rs",
            "audit/src/sealing.rs",
        ],
        words: &[
            "aes_gcm_siv",
            "aws_lc_rs::aead",
            "aes_gcm",
            "chacha20poly1305",
        ],
        because: "one place seals and opens objects, one keys and control documents, one seals names in the trail",
    },
];
const PRODUCT: &[&str] = &[
    "gateway/src",
    "kms-keys/src",
    "policies/src",
    "sealed-object/src",
    "audit/src",
    "audit-index/src",
    "embedded-bucket/src",
];
