//! The owner's settings: `[strategies.affiliate.config]`.

use mm_sdk::{AccountId, Currency, LogicalUrl, Untrusted};
use serde_json::{Map, Value};

use crate::awin::Awin;
use crate::cj::Cj;
use crate::impact::Impact;
use crate::settings::Settings;
use crate::site::page::Own;

/// How far back commissions are looked for where the owner does not say: a year and a month.
const DAYS_BACK: u32 = 400;
/// The farthest back that the owner may say: three years.
const DAYS_BACK_MAX: u64 = 1_095;

const OWN: Settings = Settings("affiliate");

/// What the owner has set, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Impact, if the owner is its partner.
    pub impact: Option<Impact>,
    /// Awin, if the owner is its publisher.
    pub awin: Option<Awin>,
    /// CJ, if the owner is its publisher.
    pub cj: Option<Cj>,
    /// How many days back commissions are looked for.
    pub days_back: u32,
    /// The owner's site, if it is looked at.
    pub site: Option<Site>,
}

/// The owner's site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Where its sitemap lies.
    pub sitemap: LogicalUrl,
    /// What is the owner's own.
    pub own: Own,
    /// The most pages that one run looks at.
    pub pages_max: usize,
    /// The most links that one run asks for; redirects that are followed count, but for those of the last link.
    pub links_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { impact: None, awin: None, cj: None, days_back: DAYS_BACK, site: None }
    }
}

impl Config {
    /// Reads the settings; an empty object, or null, sets nothing.
    ///
    /// # Errors
    /// One sentence that names the key and says what would be right.
    pub fn read(value: &Value) -> Result<Self, String> {
        let mut config = Self::default();
        for (key, value) in &OWN.keys(value)? {
            match key.as_str() {
                "site" => config.site = Some(site(value)?),
                "impact" => config.impact = Some(impact(value)?),
                "awin" => {
                    let table = Table::of(key, value, &["account", "publisher"])?;
                    config.awin = Some(Awin::new(table.account()?, table.publisher()?));
                }
                "cj" => {
                    let table = Table::of(key, value, &["account", "publisher", "currency"])?;
                    config.cj = Some(Cj::new(table.account()?, table.publisher()?, table.currency()?));
                }
                "days_back" => config.days_back = small(OWN.number(key, value, 1, DAYS_BACK_MAX)?),
                other => return Err(unknown("affiliate", other, "impact, awin, cj, days_back and site")),
            }
        }
        if let (Some(site), Some(awin)) = (&mut config.site, &config.awin) {
            site.own.awin = Some(awin.publisher());
        }
        Ok(config)
    }

    /// Whether anything is set up.
    pub fn is_empty(&self) -> bool {
        self.impact.is_none() && self.awin.is_none() && self.cj.is_none() && self.site.is_none()
    }
}

fn unknown(of: &str, key: &str, known: &str) -> String {
    format!("{of} does not know `{}`; it knows {known}", Untrusted::new(key).line(60))
}

/// A number that its bounds make small.
fn small<N: TryFrom<u64> + Default>(number: u64) -> N {
    N::try_from(number).unwrap_or_default()
}

fn impact(value: &Value) -> Result<Impact, String> {
    let table = Table::of("impact", value, &["account", "sid"])?;
    let account = table.account()?;
    let sid = table.keys.get("sid").and_then(Value::as_str);
    sid.and_then(|sid| Impact::new(account, sid)).ok_or_else(|| {
        "affiliate: `impact.sid` is the AccountSID of Impact's settings, letters and digits such as \"IRabc123\""
            .to_owned()
    })
}

fn site(value: &Value) -> Result<Site, String> {
    let table = Table::of("site", value, &["sitemap", "amazon_tags", "pages_max", "links_max"])?;
    let sitemap = table.keys.get("sitemap").and_then(Value::as_str).unwrap_or_default();
    let sitemap = LogicalUrl::parse(sitemap).map_err(|bad| {
        format!("affiliate: `site.sitemap` is where your sitemap lies, such as \"https://blog.example.org/sitemap.xml\": {bad}")
    })?;
    let tags = table.keys.get("amazon_tags").cloned().unwrap_or_else(|| Value::Array(Vec::new()));
    let tags: Vec<String> = serde_json::from_value(tags).map_err(|_| {
        "affiliate: `site.amazon_tags` is a list of your tags, such as [\"acme-20\"]".to_owned()
    })?;
    let number = |key: &str, usual: u64| match table.keys.get(key) {
        Some(value) => OWN.number(&format!("site.{key}"), value, 1, 500),
        None => Ok(usual),
    };
    let own = Own { amazon_tags: tags, awin: None };
    let (pages_max, links_max) = (small(number("pages_max", 20)?), small(number("links_max", 20)?));
    Ok(Site { sitemap, own, pages_max, links_max })
}

/// The settings of one network.
struct Table<'a> {
    name: &'a str,
    keys: &'a Map<String, Value>,
}

impl<'a> Table<'a> {
    fn of(name: &'a str, value: &'a Value, known: &[&str]) -> Result<Self, String> {
        let keys = value
            .as_object()
            .ok_or_else(|| format!("affiliate: `{name}` is a table with {}", known.join(", ")))?;
        match keys.keys().find(|key| !known.contains(&key.as_str())) {
            Some(other) => Err(unknown(&format!("affiliate: `{name}`"), other, &known.join(", "))),
            None => Ok(Self { name, keys }),
        }
    }

    /// The name under which `account add` put it.
    fn account(&self) -> Result<AccountId, String> {
        let (key, none) = (format!("{}.account", self.name), Value::from(""));
        let account = OWN.account(&key, self.keys.get("account").unwrap_or(&none), self.name)?;
        account.ok_or_else(|| {
            let name = self.name;
            format!("affiliate: `{key}` is the name of a {name} account in the vault, such as \"main\"")
        })
    }

    fn publisher(&self) -> Result<u64, String> {
        self.keys.get("publisher").and_then(Value::as_u64).filter(|number| *number > 0).ok_or_else(|| {
            format!("affiliate: `{}.publisher` is your publisher's number there, such as 189069", self.name)
        })
    }

    /// Dollars, where nothing is set.
    fn currency(&self) -> Result<Currency, String> {
        let text = self.keys.get("currency").map_or(Some("USD"), Value::as_str);
        let wrong =
            || format!("affiliate: `{}.currency` is the one you are paid in, such as \"EUR\"", self.name);
        text.ok_or_else(wrong)?.parse().map_err(|bad| format!("{}: {bad}", wrong()))
    }
}
