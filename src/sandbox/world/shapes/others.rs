//! The shapes of Intigriti (`endpoint`, rewards with a currency, `type: null`), YesWeHack (everything
//! out of scope is `other`) and Federacy (the smallest). The key of all three is `id`.

use serde::Serialize;

use super::super::{Kind, Programme, Target, number};
use super::Sides;

#[derive(Serialize)]
struct Money {
    value: u32,
    currency: &'static str,
}

#[derive(Serialize)]
pub(super) struct Intigriti<'a> {
    id: &'a str,
    name: &'a str,
    company_handle: String,
    handle: &'a str,
    url: String,
    status: &'static str,
    confidentiality_level: &'static str,
    #[serde(rename = "tacRequired")]
    tac_required: bool,
    #[serde(rename = "twoFactorRequired")]
    two_factor_required: bool,
    min_bounty: Money,
    max_bounty: Money,
    targets: Sides<Endpoint<'a>>,
}

#[derive(Serialize)]
struct Endpoint<'a> {
    #[serde(rename = "type")]
    kind: Option<&'static str>,
    endpoint: &'a str,
    description: Option<&'static str>,
    impact: Option<&'static str>,
}

pub(super) fn intigriti(programme: &Programme) -> Intigriti<'_> {
    let (lowest, highest) = programme.reward.unwrap_or((0, 0));
    let currency = if programme.salt.is_multiple_of(5) { "USD" } else { "EUR" };
    let money = |value| Money { value, currency };
    // A company's handle may hold a space.
    let company = programme.slug.replacen('-', " ", 1);
    Intigriti {
        id: &programme.key,
        name: &programme.name,
        url: format!(
            "https://www.intigriti.com/programs/{}/{}/detail",
            company.replace(' ', "%20"),
            programme.slug
        ),
        company_handle: company,
        handle: &programme.slug,
        status: "open",
        confidentiality_level: "public",
        tac_required: false,
        two_factor_required: false,
        min_bounty: money(lowest),
        max_bounty: money(highest),
        targets: Sides::of(programme, |target| endpoint(programme, target)),
    }
}

fn endpoint<'a>(programme: &Programme, target: &'a Target) -> Endpoint<'a> {
    let salt = number(programme.salt, target.identifier.trim(), &[]);
    let tiers = [Some("Tier 1"), Some("Tier 2"), Some("Tier 3"), Some("No Bounty"), None];
    Endpoint {
        kind: match target.kind {
            Kind::Web | Kind::Api => Some("url"),
            Kind::Wildcard => Some("wildcard"),
            Kind::Android => Some("android"),
            Kind::Ios => Some("ios"),
            Kind::Network => Some("iprange"),
            Kind::Hardware => Some("device"),
            Kind::Source | Kind::Other => Some("other"),
            Kind::Unknown => None,
        },
        endpoint: &target.identifier,
        description: (salt.is_multiple_of(3)).then_some("🇪🇺 Main site\n\nPlease use an address of your own."),
        impact: if target.inside {
            tiers.get((salt % 5) as usize).copied().flatten()
        } else {
            Some("Out of scope")
        },
    }
}

#[derive(Serialize)]
pub(super) struct YesWeHack<'a> {
    id: &'a str,
    name: &'a str,
    public: bool,
    disabled: bool,
    managed: Option<bool>,
    min_bounty: Option<u32>,
    max_bounty: Option<u32>,
    targets: Sides<Plain<'a>>,
}

#[derive(Serialize)]
struct Plain<'a> {
    target: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
}

pub(super) fn yeswehack(programme: &Programme) -> YesWeHack<'_> {
    YesWeHack {
        id: &programme.key,
        name: &programme.name,
        public: true,
        disabled: false,
        managed: None,
        min_bounty: programme.reward.map(|(lowest, _)| lowest),
        max_bounty: programme.reward.map(|(_, highest)| highest),
        targets: Sides::of(programme, |target| Plain {
            target: &target.identifier,
            kind: match target.kind {
                _ if !target.inside => "other",
                Kind::Web => "web-application",
                Kind::Wildcard => "wildcard",
                Kind::Api => "api",
                Kind::Android => "mobile-application-android",
                Kind::Ios => "mobile-application-ios",
                Kind::Source => "open-source",
                Kind::Network => "ip-address",
                Kind::Hardware => "application",
                Kind::Other => "other",
                Kind::Unknown => "quantum-link",
            },
        }),
    }
}

#[derive(Serialize)]
pub(super) struct Federacy<'a> {
    id: &'a str,
    name: &'a str,
    offers_awards: bool,
    url: String,
    targets: Sides<Site<'a>>,
}

#[derive(Serialize)]
struct Site<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    target: &'a str,
}

pub(super) fn federacy(programme: &Programme) -> Federacy<'_> {
    Federacy {
        id: &programme.key,
        name: &programme.name,
        offers_awards: programme.reward.is_some(),
        url: format!("https://www.federacy.com/{}", programme.slug),
        targets: Sides::of(programme, |target| Site {
            kind: match target.kind {
                Kind::Api => "api",
                Kind::Android | Kind::Ios => "mobile",
                Kind::Source | Kind::Hardware | Kind::Other => "desktop",
                Kind::Web | Kind::Wildcard | Kind::Network => "website",
                Kind::Unknown => "quantum_link",
            },
            target: &target.identifier,
        }),
    }
}
