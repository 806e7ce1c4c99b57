//! How an account shows itself at the platforms that the program's own strategies act at. Pure data: it stands here
//! once, for `account add` and for the accounts of a rehearsal.

/// The sort of credential that a platform takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// A token.
    Bearer,
    /// A user's name and a password; in words, what the platform calls that name.
    Basic(&'static str),
    /// A key in a header of this name.
    Key(&'static str),
}

impl Takes {
    /// The header that takes the key, where one does.
    pub fn header(self) -> Option<&'static str> {
        match self {
            Takes::Key(header) => Some(header),
            Takes::Bearer | Takes::Basic(_) => None,
        }
    }
}

/// What a platform takes; `None` for one that no strategy of the program has an account at.
pub fn takes(platform: &str) -> Option<Takes> {
    Some(match platform {
        "github" | "github-sponsors" | "intigriti" | "yeswehack" | "awin" | "cj" => Takes::Bearer,
        "hackerone" => Takes::Basic("the identifier of your API token"),
        "impact" => Takes::Basic("the AccountSID of your settings"),
        "freelancer" => Takes::Key("freelancer-oauth-v1"),
        _ => return None,
    })
}
