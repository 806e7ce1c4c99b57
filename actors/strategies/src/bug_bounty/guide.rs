//! From sign-up to money in the bank.
//!
//! Sources: docs.hackerone.com (tokens, misconduct, code of conduct), kb.intigriti.com/en/articles/8529303 (tokens of
//! the researcher API), helpcenter.yeswehack.io (code of conduct). What they do not say is said here to be unknown.
//! Testing and reporting stay with the owner: platforms forbid automated reports and each programme has rules of its
//! own.

use mm_sdk::{Check, Guide, GuideStep, How, Payout};

/// The guide.
pub(super) const GUIDE: Guide = Guide {
    steps: &[
        GuideStep {
            title: "Watch scope",
            how: How::Automated { what: "reads five public scope files and ranks what is new" },
            check: Check::HasSucceeded,
        },
        GuideStep {
            title: "Sign up on a platform",
            how: How::Manual {
                place: "hackerone.com, bugcrowd.com, intigriti.com, yeswehack.com or federacy.com",
                what: "open one researcher account with your real name and your own e-mail address; never a second one",
                why: "platforms want a person, payment needs an identity, and a second account is abuse",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Set how you are paid, and answer the tax form",
            how: How::Manual {
                place: "the platform's payment settings",
                what: "choose a payout method and hand in the tax form that the platform asks for",
                why: "bank and tax details belong to you alone, and a form is a statement under penalty",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Give the machine your token of HackerOne",
            how: How::Manual {
                place: "hackerone.com, settings, API token; then: money-machine account add hackerone main --kind basic \
                        --user IDENTIFIER --email YOURS",
                what: "make a token (a new one ends the old one), and set hackerone_account = \"main\" in \
                       [strategies.bug-bounty.config]; your earnings come into the books by it",
                why: "a token is a key to your name; only you can make it",
            },
            check: Check::HasAccount("hackerone"),
        },
        GuideStep {
            title: "Give it your token of Intigriti, if you are there",
            how: How::Manual {
                place: "app.intigriti.com, personal access tokens; then: money-machine account add intigriti main --kind \
                        bearer --email YOURS",
                what: "make a token, and set intigriti_account = \"main\" in the same section",
                why: "a token is a key to your name; only you can make it",
            },
            check: Check::HasAccount("intigriti"),
        },
        GuideStep {
            title: "Give it your token of YesWeHack, if you are there",
            how: How::Manual {
                place: "yeswehack.com; then: money-machine account add yeswehack main --kind bearer --email YOURS",
                what: "where your account has a token, add it, and set yeswehack_account = \"main\" in the same section",
                why: "a token is a key to your name; only you can make it",
            },
            check: Check::HasAccount("yeswehack"),
        },
        GuideStep {
            title: "Watch private programmes, and read what each says of automated tools",
            how: How::Automated {
                what: "reads the programmes that your accounts see, compares private ones with what was known, and quotes \
                       each programme's own words; notices name no private programme",
            },
            check: Check::HasSucceeded,
        },
        GuideStep {
            title: "Choose an opportunity",
            how: How::Manual {
                place: "money-machine opportunities list, then accept",
                what: "read the programme's own rules on its page before anything else",
                why: "what is allowed differs by programme, and a scope file does not say",
            },
            check: Check::HasAccepted,
        },
        GuideStep {
            title: "Test, and write the report",
            how: How::Manual {
                place: "the programme's scope; then money-machine approvals list, where a skeleton waits",
                what: "test within scope and by the rules that stand in the skeleton's notes; fill in its blanks with what \
                       you saw yourself",
                why: "platforms punish reports that nobody validated, up to a ban for good",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Send the report",
            how: How::Manual {
                place: "the programme's page, then: money-machine opportunities submitted ID",
                what: "send it yourself, say that a program prepared the skeleton, then mark it as submitted",
                why: "platforms do not tolerate automated delivery of reports",
            },
            check: Check::HasSubmitted,
        },
        GuideStep {
            title: "See what it earned",
            how: How::Automated {
                what: "reads your earnings, payouts and balance at HackerOne and books each bounty once: expected, \
                       approved, and paid when a payout comes to exactly what was unpaid",
            },
            check: Check::HasSucceeded,
        },
        GuideStep {
            title: "Book what no interface shows",
            how: How::Manual {
                place: "money-machine earnings record intigriti SUBMISSION --strategy bug-bounty --stage approved --amount SUM \
                        --currency CODE --evidence STATEMENT",
                what: "book what Intigriti, YesWeHack, Bugcrowd or Federacy award you, with their statement",
                why: "no documented interface of theirs shows what a researcher earned",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Be paid",
            how: How::Manual {
                place: "your bank, then: money-machine earnings record with --stage cleared, and opportunities paid ID",
                what: "when the money is in your account, book that it arrived, with your bank's statement",
                why: "only you see your bank account",
            },
            check: Check::HasBeenPaid,
        },
    ],
    payout: Payout {
        holder: "the platform, after the programme has accepted and rewarded the report",
        minimum: "depends on the platform and the payout method; its payment settings say it",
        how_long: "days to months after the report, as the programme decides; then as the payout method takes",
        days_max: None,
    },
};
