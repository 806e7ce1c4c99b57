//! From sign-up to money in the bank.
//!
//! Sources: the boards' own pages; for what is left to people, their terms: Upwork wants an approved key and no
//! automation, so it is a note here and no connector.

use mm_sdk::{Check, Guide, GuideStep, How, Payout};

/// The guide.
pub(super) const GUIDE: Guide = Guide {
    steps: &[
        GuideStep {
            title: "Say what you can do and what it costs",
            how: How::Manual {
                place: "config.toml, [strategies.freelance-leads.config]",
                what: "set skills = [\"rust\", \"postgres\"], rate = \"80 EUR\" and minimum = \"500 EUR\"",
                why: "without skills nothing is read; what your work is worth only you know",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Name the feeds of your boards",
            how: How::Manual {
                place: "rules/feeds.toml, then feeds = [\"https://...\"] in the same section",
                what: "write the host of each feed into the rule file, and its address into the settings; read the \
                       board's terms first",
                why: "a page of a stranger is read only where a rule of yours names its host and its robots.txt lets it",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Have an account at Freelancer.com, if you want to bid there",
            how: How::Manual {
                place: "freelancer.com, then its developer pages; then: money-machine account add freelancer main \
                        --kind api-key --header freelancer-oauth-v1",
                what: "sign up, verify yourself, make an OAuth token of your own, and set freelancer_account = \"main\"",
                why: "its terms want a person behind an account, and a token is a key to your name",
            },
            check: Check::HasAccount("freelancer"),
        },
        GuideStep {
            title: "Find leads",
            how: How::Automated {
                what: "reads the boards, holds each posting against your skills, rate and languages, refuses bait, \
                       and says in one line why it fits",
            },
            check: Check::HasSucceeded,
        },
        GuideStep {
            title: "Look at the boards that no program may read",
            how: How::Manual {
                place: "upwork.com, and others that reserve themselves for people",
                what: "search there by yourself; nothing of them is read or written here",
                why: "Upwork wants an approved key for its interface and bans automation without one",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Choose one",
            how: How::Manual {
                place: "money-machine opportunities list, then accept",
                what: "read the posting on its own page; accept what you really want to do",
                why: "whether you can and want to, only you know",
            },
            check: Check::HasAccepted,
        },
        GuideStep {
            title: "Offer yourself",
            how: How::Manual {
                place: "for Freelancer.com: money-machine approvals list, then edit; for all others the letter in \
                        money-machine opportunities show",
                what: "write your own words into the draft; approve the bid, which is sent once, or send the letter \
                       yourself, and mark the opportunity as submitted",
                why: "an offer binds you, and nobody answers one that a program wrote",
            },
            check: Check::HasSubmitted,
        },
        GuideStep {
            title: "Do the work, write the invoice, be paid",
            how: How::Manual {
                place: "your client, then your bank",
                what: "agree on a milestone that is paid first, hand the work in, and mark the opportunity as paid",
                why: "only your bank knows whether money came",
            },
            check: Check::HasBeenPaid,
        },
    ],
    payout: Payout {
        holder: "your client; at Freelancer.com the milestone, once it is paid in",
        minimum: "none; Freelancer.com's own least withdrawal applies there",
        how_long: "as your invoice says, 14 to 30 days by custom",
        days_max: None,
    },
};
