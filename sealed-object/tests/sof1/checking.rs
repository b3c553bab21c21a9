//! Checking stored bodies without keys: what is whole passes in any pieces, what is not is named.

use bytes::Bytes;
use sealed_object::{AuditKey, Aux, BodyChecker, Checked, Error, Result, Tail};

use crate::world::{self, MIB5, SUITE, Stored, aux, plaintext, size};

#[test]
fn f23_whole_bodies_pass_in_any_pieces() {
    for stored in bodies() {
        for sizes in [&[][..], &[1000, 1], &[65_564], &[7, 500_000]] {
            let checked = check(&stored.body, sizes).unwrap();
            assert_eq!(checked.damaged(), [0_u16; 0]);
            checked.belongs_to(stored.envelope.header()).unwrap();
            assert_eq!(checked.trailer().plain(), stored.summary.plain);
            checked
                .trailer()
                .check_audit_mac(&audit_key(&aux()))
                .unwrap();
            let tail = Tail::open(&stored.opened(), checked.tail(), size(&stored.body)).unwrap();
            assert_eq!(tail.parts(), checked.parts());
        }
    }
}

#[test]
fn f23_a_changed_part_is_named_and_the_others_are_not() {
    let stored = world::seal_parts("rot", &[MIB5, MIB5, 70_000]);
    let part = usize::try_from(sealed_object::geometry::part_stored(sealed_object::Plain(MIB5)).0)
        .unwrap();
    // In the salt and the object id of a part header, in nonce, text and tag of frames.
    for (at, damaged) in [
        (16, 1),
        (40, 1),
        (48, 1),
        (part - 1, 1),
        (part + 47, 2),
        (part + 65_600, 2),
        (2 * part + 48 + 20, 3),
    ] {
        let mut body = stored.body.clone();
        body[at] ^= 0x10;
        assert_eq!(check(&body, &[]).unwrap().damaged(), [damaged], "byte {at}");
    }
    let mut body = stored.body.clone();
    body[100] ^= 1;
    body[2 * part + 100] ^= 1;
    assert_eq!(check(&body, &[]).unwrap().damaged(), [1, 3]);
}

#[test]
fn f23_what_the_structure_hangs_on_is_refused() {
    let stored = world::seal_plainly("structure", &plaintext(0, 70_000));
    let length = stored.body.len();
    let (trailer, manifest) = (length - 368, length - 368 - 56);
    // Magic, version, suite, frame size, flags and length of the part header; the padding's ends; the manifest;
    // the trailer's magic, suite, flags, P, N, padding, object id, root and reserved bytes.
    for (at, error) in [
        (0, Error::Part),
        (4, Error::Part),
        (6, Error::Part),
        (7, Error::Part),
        (15, Error::Part),
        (manifest - 40, Error::Pad),
        (manifest - 1, Error::Pad),
        (manifest + 3, Error::Manifest),
        (manifest + 30, Error::Manifest),
        (trailer, Error::Trailer),
        (trailer + 6, Error::Trailer),
        (trailer + 15, Error::Manifest),
        (trailer + 19, Error::Trailer),
        (trailer + 31, Error::Pad),
        (trailer + 80, Error::Manifest),
        (length - 1, Error::Trailer),
    ] {
        let mut body = stored.body.clone();
        body[at] ^= 0x80;
        assert_eq!(check(&body, &[]).err(), Some(error), "byte {at}");
    }
    let mut body = stored.body.clone();
    body[5] = 0x77;
    assert_eq!(check(&body, &[]).err(), Some(Error::Suite));
    let shorter = &stored.body[..length - 1];
    assert_eq!(check_as(&stored.body, shorter).err(), Some(Error::Size));
    let longer = [stored.body.as_slice(), &[0]].concat();
    assert_eq!(check_as(&stored.body, &longer).err(), Some(Error::Size));
    assert_eq!(check(&[0; 539], &[]).err(), Some(Error::NotSealed));
    assert_eq!(check(&[0; 541], &[]).err(), Some(Error::Part));
}

#[test]
fn f23_the_header_of_another_object_is_refused() {
    let (one, other) = (
        world::seal_plainly("one", &plaintext(0, 500)),
        world::seal_plainly("other", &plaintext(9, 500)),
    );
    let checked = check(&one.body, &[]).unwrap();
    assert_eq!(
        checked.belongs_to(other.envelope.header()).err(),
        Some(Error::Commit)
    );
    // Nor is a body whose trailer commits to another data key this header's.
    let mut body = one.body.clone();
    let at = body.len() - 368 + 48;
    body[at] ^= 1;
    let checked = check(&body, &[]).unwrap();
    assert_eq!(
        checked.belongs_to(one.envelope.header()).err(),
        Some(Error::Commit)
    );
}

fn bodies() -> Vec<Stored> {
    let mut bodies: Vec<Stored> = [0, 1, 65_536, 65_537, MIB5 + 1]
        .map(|length| world::seal_plainly("check", &plaintext(0, length)))
        .into();
    bodies.push(world::seal_parts("check", &[MIB5, 200_000]));
    bodies.push(world::seal_parts("check", &[MIB5, 0]));
    bodies
}

fn check(body: &[u8], sizes: &[usize]) -> Result<Checked> {
    let mut checker = BodyChecker::new(size(body))?;
    for piece in world::pieces(body, sizes) {
        checker.push(piece)?;
    }
    checker.finish()
}

/// A body that is announced with the length of another.
fn check_as(announced: &[u8], body: &[u8]) -> Result<Checked> {
    let mut checker = BodyChecker::new(size(announced))?;
    checker.push(Bytes::copy_from_slice(body))?;
    checker.finish()
}

fn audit_key(aux: &Aux) -> AuditKey {
    aux.audit_key(SUITE).unwrap()
}

/// A part of no bytes takes 76, and the whole body of this object is 540.
#[test]
fn f23_no_more_parts_are_held_than_the_body_has_room_for() {
    let stored = world::seal_plainly("endless", &[]);
    let part = Bytes::copy_from_slice(&stored.body[..76]);
    let mut checker = BodyChecker::new(size(&stored.body)).unwrap();
    for _ in 0..7 {
        checker.push(part.clone()).unwrap();
    }
    assert_eq!(checker.push(part), Err(Error::Part));
}
