//! What can be asked, and what is answered.

use serde::Serialize;

/// A question for lines: all that is said in it must hold. Names are asked for as tokens, one for each audit key that
/// the tenant has had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// Milliseconds since 1970, the first that counts.
    pub from: i64,
    /// And the last.
    pub to: i64,
    /// Who did it: tokens.
    pub actors: Option<Vec<String>>,
    /// To which object: tokens.
    pub objects: Option<Vec<String>>,
    /// From which address: tokens.
    pub addresses: Option<Vec<String>>,
    /// From which network: tokens.
    pub networks: Option<Vec<String>>,
    /// With which device: tokens.
    pub devices: Option<Vec<String>>,
    /// With which access key id.
    pub credential: Option<String>,
    /// What it is about.
    pub about: Option<About>,
    /// How many lines at most.
    pub most: usize,
}

/// What a line may be about, beside its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// Refusals.
    Denials,
    /// Emergencies, and what was done under one.
    Emergencies,
    /// Acts on keys.
    Keys,
    /// Changes of policies and privileges.
    Policies,
    /// Deletions.
    Deletions,
    /// Who searched the trail.
    Searches,
    /// The trail itself: gaps, starts, stops.
    Trail,
}

/// A line that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// In which log.
    pub log: String,
    /// Its number there.
    pub seq: u64,
    /// Its time, in milliseconds since 1970.
    pub wall: i64,
    /// The first line of its segment, and where it begins there, in bytes.
    pub segment: u64,
    /// The latter.
    pub offset: u64,
}

/// Somebody who read much.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bulk {
    /// The principal's token; empty where there was none.
    pub actor: String,
    /// How many reads ended well.
    pub reads: u64,
    /// Bytes of plaintext that were sent.
    pub bytes: u64,
    /// The time of the first and the last of them, in milliseconds since 1970.
    pub first: i64,
    /// The latter.
    pub last: i64,
}

/// What a principal can come with for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Novelty {
    /// The network of its address.
    Network,
    /// What it works with.
    Device,
}

/// The first time that a principal came from a network, or with a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct First {
    /// The principal's token.
    pub actor: String,
    /// Which of the two.
    pub what: Novelty,
    /// The network's or the device's token.
    pub token: String,
    /// The line.
    pub hit: Hit,
}

impl About {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Denials,
        Self::Emergencies,
        Self::Keys,
        Self::Policies,
        Self::Deletions,
        Self::Searches,
        Self::Trail,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Denials => "denials",
            Self::Emergencies => "emergencies",
            Self::Keys => "keys",
            Self::Policies => "policies",
            Self::Deletions => "deletions",
            Self::Searches => "searches",
            Self::Trail => "trail",
        }
    }

    /// What a word says; `None` for another word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|about| about.as_str() == word)
    }

    /// What a line of the trail is about, as it stands there; `None` where it cannot be read.
    pub fn of_line(text: &str) -> Option<Vec<Self>> {
        crate::row::abouts(text)
    }

    pub(crate) fn bit(self) -> i64 {
        match self {
            Self::Denials => 1,
            Self::Emergencies => 2,
            Self::Keys => 4,
            Self::Policies => 8,
            Self::Deletions => 16,
            Self::Searches => 32,
            Self::Trail => 64,
        }
    }
}
