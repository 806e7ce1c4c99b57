//! From sign-up to money in the bank.
//!
//! Sources: Amazon's operating agreement, section 5, and programme policies; 16 CFR 255; Google's terms for paid
//! links; help.awin.com, docs.cj.com and impact.com's integration pages for the tokens.

use mm_sdk::{Check, Guide, GuideStep, How, Payout};

/// The guide.
pub(super) const GUIDE: Guide = Guide {
    steps: &[
        GuideStep {
            title: "Have a site of your own that people read",
            how: How::Manual {
                place: "your own domain",
                what: "publish original texts first; Impact, Awin, CJ and Amazon look at the site before they accept you",
                why: "the words and the promises in them are yours",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Join a network, and a programme in it",
            how: How::Manual {
                place: "app.impact.com, ui.awin.com, signup.cj.com, affiliate-program.amazon.com",
                what: "sign up under your own name with your tax form, then apply to programmes that suit your readers",
                why: "it is a contract, and they must know who is paid",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Give the machine a token that may only read",
            how: How::Manual {
                place: "Impact: Settings, API, with the scope Actions; Awin: API credentials; CJ: personal access tokens; \
                        then: money-machine account add PLATFORM main",
                what: "for Impact the user is the AccountSID and the password its token; then set impact, awin or cj in \
                       [strategies.affiliate.config]",
                why: "a token is a key to your income's record; only you can make it",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Place links, with what must be said beside them",
            how: How::Manual {
                place: "your site",
                what: "say near each link that it earns, write rel=\"sponsored\" on it, and with Amazon's links its exact \
                       sentence; copy no price",
                why: "what is published under your name is yours to judge, and a wrong link can cost the account",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Let the machine look at your site",
            how: How::Manual {
                place: "rules/ in the data directory, then [strategies.affiliate.config.site]",
                what: "copy config/examples/owner-site.toml there and put your own host in; the same with \
                       owner-links.toml for the hosts that you link to and may look at; then set sitemap and amazon_tags",
                why: "what no rule speaks of is not fetched, and which sites may be read is yours to say",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Keep the links in order",
            how: How::Automated {
                what: "reads some pages a run as robots.txt allows, and tells for each the line and the mend: links dead, \
                       redirected, shortened, without your tag, without disclosure, rel or Amazon's sentence, prices",
            },
            check: Check::HasSucceeded,
        },
        GuideStep {
            title: "See what was earned",
            how: How::Automated {
                what: "reads the commissions of Impact, Awin and CJ every six hours and puts them into the books: \
                       claimed while a network waits, approved when it owes them, reversed when it takes them back",
            },
            check: Check::HasSucceeded,
        },
        GuideStep {
            title: "Read Amazon's report",
            how: How::Manual {
                place: "affiliate-program.amazon.com, Reports; then: money-machine earnings",
                what: "put what Amazon says it paid into the books, with its report as the evidence",
                why: "Amazon has no interface that tells commissions",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Be paid",
            how: How::Manual {
                place: "each network's payment settings, then your bank",
                what: "set your bank and the least sum, and say in the books what arrived",
                why: "only your bank knows whether money came",
            },
            check: Check::OwnerSays,
        },
    ],
    payout: Payout {
        holder: "the network, once the advertiser has paid it",
        minimum: "the network's own, set in its payment settings",
        how_long: "after a programme's locking time, often one to three months; CJ locks on the 11th of a month",
        days_max: None,
    },
};
