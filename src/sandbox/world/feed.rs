//! The five scope files: where they lie and how their platforms name things.
//!
//! Touches nothing and cannot fail.

/// One scope file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feed {
    /// `hackerone_data.json`
    HackerOne,
    /// `bugcrowd_data.json`
    Bugcrowd,
    /// `intigriti_data.json`
    Intigriti,
    /// `yeswehack_data.json`
    YesWeHack,
    /// `federacy_data.json`
    Federacy,
}

/// Where the five files lie.
const FOLDER: &str = "https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/";

impl Feed {
    /// All five.
    pub const ALL: [Self; 5] =
        [Self::HackerOne, Self::Bugcrowd, Self::Intigriti, Self::YesWeHack, Self::Federacy];

    /// The platform's name in lower case, as in the file's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::HackerOne => "hackerone",
            Self::Bugcrowd => "bugcrowd",
            Self::Intigriti => "intigriti",
            Self::YesWeHack => "yeswehack",
            Self::Federacy => "federacy",
        }
    }

    /// The logical URL.
    pub fn url(self) -> String {
        format!("{FOLDER}{}_data.json", self.name())
    }

    /// The feed at this URL.
    pub fn of_url(url: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feed| feed.url() == url)
    }

    /// How many programmes the usual world always has.
    pub(super) fn usual_programmes(self) -> usize {
        match self {
            Self::HackerOne => 40,
            Self::Bugcrowd => 30,
            Self::Intigriti => 25,
            Self::YesWeHack => 18,
            Self::Federacy => 12,
        }
    }

    /// What tells a programme with this slug from all others.
    pub(super) fn key(self, slug: &str, salt: u64) -> String {
        match self {
            Self::HackerOne | Self::YesWeHack => slug.to_owned(),
            Self::Bugcrowd => format!("https://bugcrowd.com/engagements/{slug}"),
            Self::Intigriti | Self::Federacy => uuid(salt),
        }
    }
}

/// Something that looks like a random UUID.
fn uuid(salt: u64) -> String {
    let more = super::number(salt, "uuid", &[]);
    let (a, b, c) = (salt >> 32, (salt >> 16) & 0xffff, salt & 0xfff);
    let (d, e) = (0x8000 | (more >> 48) & 0x3fff, more & 0xffff_ffff_ffff);
    format!("{a:08x}-{b:04x}-4{c:03x}-{d:04x}-{e:012x}")
}
