//! Copies whose source the hostile store forges: what is read of the copy afterwards is exact, or nothing is.

use std::fs;

use integration_tests::cipher_suite::CipherSuite;
use integration_tests::world::World;

use super::attack::serving;
use super::forgery::{Anatomy, ENVELOPE, Forgery};
use super::objects::uncounted_parts;
use super::siege::{Loot, Siege};
use crate::on_both_suites;

on_both_suites! {
    an_honest_source_is_copied
    a_forged_body_is_not_copied_as_a_part
    a_forged_envelope_is_not_copied
}

fn an_honest_source_is_copied(suite: CipherSuite) {
    let siege = Siege::begin(suite);
    for shape in ["large", "parts"] {
        let loot = siege.loot("new", shape);
        assert_eq!(copied(&siege, loot), ["exact", "exact"], "{shape}");
    }
}

/// A server-side copy reads no body, so what is wrong with the body of the source alone does not reach it.
fn a_forged_body_is_not_copied_as_a_part(suite: CipherSuite) {
    let siege = Siege::begin(suite);
    for shape in ["large", "parts"] {
        let loot = siege.loot("new", shape);
        let anatomy = Anatomy::of(loot);
        let other = siege.loot("old", shape).stored.whole.body.clone();
        let mut forgeries = vec![
            Forgery::flipped(loot, "first frame", 70),
            Forgery::flipped(loot, "padding", anatomy.pad.start),
            Forgery::flipped(loot, "trailer", anatomy.trailer.start + 320),
            Forgery::broken_off(loot, 1),
            Forgery::broken_off(loot, anatomy.length - anatomy.pad.start),
            Forgery::body(loot, "the older body", other),
        ];
        forgeries.extend(uncounted_parts(loot));
        for forgery in forgeries {
            siege.store.obey(serving(loot, &forgery, false));
            let [_, as_part] = copied(&siege, loot);
            assert_eq!(as_part, "refused", "{shape}, {}", forgery.what);
        }
    }
}

fn a_forged_envelope_is_not_copied(suite: CipherSuite) {
    let siege = Siege::begin(suite);
    for shape in ["large", "parts"] {
        let loot = siege.loot("new", shape);
        let mut bare = Forgery::of(loot, "no envelope");
        for name in ENVELOPE {
            bare.stored.whole.remove(name);
        }
        let mut forgeries = vec![bare];
        for origin in ["old", "key", "bucket", "tenant"] {
            let other = siege.loot(origin, shape);
            forgeries.push(Forgery::of(loot, format!("envelope of another {origin}")).under(other));
        }
        for forgery in forgeries {
            siege.store.obey(serving(loot, &forgery, false));
            let outcome = copied(&siege, loot);
            assert_eq!(outcome, ["refused", "refused"], "{shape}, {}", forgery.what);
        }
    }
}

/// What became of the copy as an object and of the copy as a part.
fn copied(siege: &Siege, loot: &Loot) -> [String; 2] {
    let scratch = World::get().scratch();
    let plaintext = scratch.path().join("plaintext");
    fs::write(&plaintext, &loot.plain).expect("a file can be written");
    let arguments = ["siege", &loot.shape, &plaintext.display().to_string()];
    let printed = siege.account().run_script("siege_copy.py", &arguments);
    let mut words = printed.split_whitespace().map(str::to_owned);
    [(); 2].map(|()| words.next().expect("it prints two words"))
}
