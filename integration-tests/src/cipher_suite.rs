//! The cipher suites of the sealed format as a configuration asks for them. It knows no format.

/// A cipher suite that a deployment seals with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CipherSuite {
    /// 0x01, the default.
    Siv,
    /// 0x02, of algorithms that FIPS 140-3 approves.
    Gcm,
}

impl CipherSuite {
    /// The id as it is stored.
    pub fn id(self) -> u8 {
        match self {
            Self::Siv => 1,
            Self::Gcm => 2,
        }
    }

    /// The one that it is not.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Siv => Self::Gcm,
            Self::Gcm => Self::Siv,
        }
    }

    /// The tables of a configuration that asks for it. The first suite is what a deployment has that asks for none.
    pub fn settings(self) -> &'static str {
        match self {
            Self::Siv => "",
            Self::Gcm => "[sealing]\nsuite = \"aes-256-gcm\"\n",
        }
    }
}
