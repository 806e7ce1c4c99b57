//! From sign-up to money in the bank.
//!
//! Sources: docs.algora.io/bounties/{workflow,payments}, GitHub's terms of service, B.3 (a person makes an
//! account), its acceptable use policies, 4 (no automated bulk activity), docs.github.com, "Managing your personal access
//! tokens" (what only a classic token may do).

use mm_sdk::{Check, Guide, GuideStep, How, Payout};

/// The guide.
pub(super) const GUIDE: Guide = Guide {
    steps: &[
        GuideStep {
            title: "Have a GitHub account",
            how: How::Manual {
                place: "github.com/signup",
                what: "use the account that you work with, with your own e-mail address",
                why: "GitHub's terms want a person to make an account, and maintainers look at who asks",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Give the machine a token",
            how: How::Manual {
                place: "github.com/settings/tokens, then: money-machine account add github main",
                what: "make a classic token with the scope public_repo and no other, and let it end within a year (a \
                       fine-grained one may not write to repositories that are neither yours nor your organisation's); \
                       then set account = \"main\" in [strategies.micro-tasks.config]",
                why: "a token is a key to your name; only you can make it",
            },
            check: Check::HasAccount("github"),
        },
        GuideStep {
            title: "Sign up where the money comes from",
            how: How::Manual {
                place: "algora.io, signed in with GitHub; then its payout settings",
                what: "connect Stripe and answer its questions; see first whether your country is supported: \
                       docs.algora.io/bounties/payments",
                why: "Stripe must know who you are, and pays only to the countries that it supports",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Find bounties",
            how: How::Automated {
                what: "searches GitHub for issues with a bounty, looks at each, takes the sum from the board's bot \
                       alone, reads the repository's rules, and refuses bait",
            },
            check: Check::HasSucceeded,
        },
        GuideStep {
            title: "Look at the boards that have no interface here",
            how: How::Manual {
                place: "www.bountyhub.dev and app.opire.dev, with your browser",
                what: "look for what suits you; at Opire the sum stands on its own site alone and is a pledge. Sites that \
                       are reserved for people (mturk.com, app.prolific.com, upwork.com) are links for you as well, and \
                       nothing here ever works there",
                why: "their rules want a person, or document no way in for a program",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Choose one",
            how: How::Manual {
                place: "money-machine opportunities list, then accept",
                what: "read the issue and the repository's rules on its page; accept what you can really do",
                why: "whether you can do it, and want to under these rules, only you know",
            },
            check: Check::HasAccepted,
        },
        GuideStep {
            title: "Say that you work on it",
            how: How::Manual {
                place: "money-machine approvals list, then edit",
                what: "write your plan into the comment that is prepared, and approve it; it is sent once",
                why: "it is a promise in your name, and GitHub does not want comments that nobody stands behind",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Do the work",
            how: How::Manual {
                place: "the repository",
                what: "open a pull request that names the issue (Fixes #N) and answer the review",
                why: "many repositories want a person who understands every line",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Claim the bounty",
            how: How::Manual {
                place: "money-machine approvals list; then: money-machine opportunities submitted",
                what: "once your pull request is found (some hours later), the line /claim #N is prepared for its \
                       text, or as a comment where Algora's bot asks for one: approve it; or write it yourself when \
                       you open the pull request, which at Opire is the only way. Then mark the opportunity as \
                       submitted",
                why: "it asks for money in your name",
            },
            check: Check::HasSubmitted,
        },
        GuideStep {
            title: "Be paid",
            how: How::Manual {
                place: "algora.io, then your bank",
                what: "wait until the pull request is merged and rewarded, then mark the opportunity as paid",
                why: "only your bank knows whether money came",
            },
            check: Check::HasBeenPaid,
        },
    ],
    payout: Payout {
        holder: "the sponsor until it rewards the pull request, then Stripe",
        minimum: "none known; Stripe's own least payout of your country applies",
        how_long: "2 to 5 days after the reward, by Algora's own word; the reward itself when the sponsor likes",
        days_max: Some(5),
    },
};
