//! From sign-up to money in the bank.
//!
//! Sources: docs.github.com/sponsors/receiving-sponsorships-through-github-sponsors ("Setting up GitHub Sponsors for
//! your personal account", "Managing your payouts from GitHub Sponsors", "Tax information for GitHub Sponsors"), and
//! GitHub's public GraphQL schema. What they do not say is said here to be unknown.

use mm_sdk::{Check, Guide, GuideStep, How, Payout};

/// The guide.
pub(super) const GUIDE: Guide = Guide {
    steps: &[
        GuideStep {
            title: "Have a GitHub account with two-factor sign-in and a public project",
            how: How::Manual {
                place: "github.com/settings/security",
                what: "turn on two-factor authentication and verify your e-mail address; GitHub wants both",
                why: "only you can show that it is you, and people sponsor work that they can see",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Ask to join GitHub Sponsors",
            how: How::Manual {
                place: "github.com/sponsors/accounts",
                what: "see first that your country is supported; choose a bank account or a fiscal host, and say where you live",
                why: "it is a contract in your name, and GitHub reviews it",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Connect Stripe",
            how: How::Manual {
                place: "your Sponsors dashboard, then Stripe Connect",
                what: "answer Stripe's questions and name the bank account; the country must be the one you told GitHub",
                why: "Stripe must know who you are before it pays anybody",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Hand in the tax form",
            how: How::Manual {
                place: "your Sponsors dashboard",
                what: "a W-9 if you are taxed in the United States, else a W-8BEN (a W-8BEN-E for a company)",
                why: "it is a statement under penalty, and only you may sign it",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Write your page and its tiers, and publish it",
            how: How::Manual {
                place: "your Sponsors dashboard",
                what: "say what you work on; promise with a tier only what you will keep; wait for GitHub's approval",
                why: "a tier is an offer in your name: nothing here makes, changes or retires one",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Give the machine a token that only reads",
            how: How::Manual {
                place: "github.com/settings/tokens, then: money-machine account add github-sponsors main",
                what: "make a classic token with the scope read:user and no other (where GitHub wants another, its refusal names \
                       it); then set account = \"main\" in \
                       [strategies.github-sponsors.config]",
                why: "a token is a key to your name; only you can make it",
            },
            check: Check::HasAccount("github-sponsors"),
        },
        GuideStep {
            title: "Watch sponsors, tiers and estimates",
            how: How::Automated {
                what: "reads who sponsors you, tells who came, changed, left or got money back, and shows GitHub's \
                       estimates as what they are: estimates, never income",
            },
            check: Check::HasSucceeded,
        },
        GuideStep {
            title: "Thank new sponsors",
            how: How::Manual {
                place: "money-machine approvals list, then your Sponsors dashboard",
                what: "change the draft into your own words and send it, or decline it; a private sponsor is not named",
                why: "thanks from a program are none",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Be paid, and put it into the books",
            how: How::Manual {
                place: "your bank, then: money-machine earnings record github-sponsors payout-2026-08-22 --strategy \
                        github-sponsors --stage cleared --amount SUM --currency USD --evidence STATEMENT",
                what: "when a payout has arrived, book it under its day with Stripe's statement; the machine reminds you",
                why: "no documented interface of GitHub's shows payouts, and an estimate is not money",
            },
            check: Check::OwnerSays,
        },
    ],
    payout: Payout {
        holder: "GitHub, then Stripe (or your fiscal host)",
        minimum: "not said in GitHub's schema; your dashboard says what holds for your country",
        how_long: "on the 22nd of a month for what came before; a new account may wait longer; then Stripe's days to your bank",
        days_max: None,
    },
};
