//! The run: read, tell what is new, draft thanks, remind of payouts.
//!
//! What cannot be read is a sentence in the report and never ends the run; only an interruption by the machine does.

use std::time::Duration;

use mm_sdk::json::Unreadable;
use mm_sdk::{
    About, Act, Context, ErrorClass, Fault, Interrupt, LogicalUrl, Moment, Refusal, Report, SourceHealth,
    SourceReport, Strategy, Untrusted, async_trait,
};
use serde_json::Value;

use super::config::Config;
use super::guide::GUIDE;
use super::memory::{KnownSponsor, SNAPSHOT_VERSION, Snapshot, digest};
use super::news::{plain, sentence, who};
use super::note;
use crate::github_graphql::answer::ask;
use crate::github_graphql::ask::{PLATFORM, Query, kind};
use crate::github_graphql::shape::{self, Cents, Profile, Sponsorship};
use crate::github_graphql::{Page, Pages, Sponsors};
use crate::reading::{Failed, Fresh};
use crate::snapshots;

/// Told one by one in a run; the rest in one sentence.
const TOLD_MAX: usize = 20;

/// Drafts of thanks in one run; the others wait for the next.
const THANKS_MAX: usize = 5;

/// Payouts are made once a month: where the next is so many days after the last that was known of, one lies between.
const NEXT_PAYOUT_DAYS: u64 = 45;

/// The longest month: in more days than these there was another payout.
const MONTH_DAYS: u64 = 31;

/// Runs are twice a day: a payout that is met so many days late was not read of in between.
const SOON_DAYS: u64 = 3;

/// The strategy. What outlives a run is in the snapshot.
#[derive(Debug, Default)]
pub struct GitHubSponsors {
    config: Config,
}

#[async_trait]
impl Strategy for GitHubSponsors {
    fn about(&self) -> About {
        About {
            name: "github-sponsors",
            description: "Watches who sponsors you at GitHub, tells what changes, and drafts thank-you notes that you send.",
            code_version: 1,
            required_accounts: &[PLATFORM],
            time_to_first_dollar: "months, if at all: people sponsor work that they use, and payouts are monthly",
            automation_level: 0.2,
            schedule: "every 12h",
            deadline: Duration::from_secs(900),
            proposes: &[(PLATFORM, kind::READ), (PLATFORM, kind::THANK)],
            guide: GUIDE,
        }
    }

    fn initialise(&mut self, config: &Value) -> Result<(), String> {
        self.config = Config::read(config)?;
        Ok(())
    }

    async fn validate(&mut self, _cx: &mut Context<'_>) -> Result<(), Fault> {
        match self.config.account {
            Some(_) => Ok(()),
            None => Err(Fault::transient(
                "github-sponsors has no account; `money-machine account add github-sponsors main`, then set account = \
                 \"main\" in [strategies.github-sponsors.config]",
            )),
        }
    }

    async fn execute(&mut self, cx: &mut Context<'_>) -> Result<Report, Fault> {
        self.validate(cx).await?;
        let Some(account) = self.config.account.clone() else { return Ok(Report::default()) };
        let snapshot = snapshots::read(cx, "github-sponsors")?;
        let sponsors = Sponsors::new(account, cx.now());
        let mut round = Round { sponsors, snapshot, report: Report::default(), stopped: false };
        round.run(cx, self.config.thanks).await?;
        round.snapshot.forget();
        snapshots::write(cx, SNAPSHOT_VERSION, &round.snapshot)?;
        Ok(round.report)
    }
}

/// What the steps of a run hand on.
struct Round {
    sponsors: Sponsors,
    snapshot: Snapshot,
    report: Report,
    /// A limit, a rule or an account stands against every other query as well.
    stopped: bool,
}

/// A list that was read to its end.
struct Listed<T> {
    shown: Vec<T>,
    /// How many GitHub counts and shows as null: an account that it hides, say.
    hidden: usize,
}

impl<T> Listed<T> {
    /// Whether all is shown: of another list nothing is known of who is not on it.
    fn is_whole(&self) -> bool {
        self.hidden == 0
    }
}

/// How one list is read.
type Parse<T> = fn(Value) -> Result<Page<T>, Unreadable>;

impl Round {
    async fn run(&mut self, cx: &mut Context<'_>, thanks: bool) -> Result<(), Interrupt> {
        let profile = self.profile(cx).await?;
        if let Some(profile) = &profile {
            self.payout(cx, profile);
        }
        self.tiers(cx).await?;
        self.activities(cx).await?;
        if let Some(list) = self.list(cx, Query::Sponsorships, shape::sponsorships).await? {
            if list.is_whole() {
                self.compare(&list.shown);
            }
            if let Some(profile) = profile.filter(|_| thanks) {
                self.thank(cx, &profile, &list.shown).await?;
            }
        }
        if let Some(sums) = self.list(cx, Query::Lifetime, shape::lifetime).await?.filter(Listed::is_whole) {
            self.metric("lifetime_cents", sums.shown.iter().map(|sum| sum.amount.whole()).sum());
        }
        Ok(())
    }

    async fn profile(&mut self, cx: &mut Context<'_>) -> Result<Option<Profile>, Interrupt> {
        let action = self.sponsors.query(Query::Profile, None, None);
        let read = ask(cx, Query::Profile.name(), action, shape::profile).await?;
        let Some(profile) = self.taken(Query::Profile, read) else { return Ok(None) };
        let sentence = match &profile.listing {
            Some(listing) if listing.is_public => "your page is public",
            Some(_) => "your page is not public: nobody can sponsor you yet",
            None => "there is no page of yours at GitHub Sponsors yet: see the guide",
        };
        self.source(Query::Profile, SourceHealth::Fresh, sentence.to_owned());
        // Estimates: figures to look at, and nothing for the books.
        self.metric("monthly_estimate_cents", profile.monthly_estimate.whole());
        self.metric("next_payout_estimate_cents", profile.next_payout.whole());
        Ok(Some(profile))
    }

    /// Reminds the owner, once, of a payout whose day has come, and of which GitHub does not speak any more: he
    /// alone can say that it came. Where GitHub expected to pay nothing, there is nothing to book.
    fn payout(&mut self, cx: &mut Context<'_>, profile: &Profile) {
        let date = profile.listing.as_ref().and_then(|listing| listing.next_payout_date.as_ref());
        let next = date.and_then(day).map(|date| (date, profile.next_payout));
        let today: String = cx.now().to_string().chars().take(10).collect();
        let due = self.snapshot.payout.take_if(|(date, _)| *date <= today);
        self.snapshot.payout = match (due, next) {
            // From its day on the estimate may be of the payout after it.
            (Some((due, before)), Some((date, now))) if due == date => Some((date, before.max(now))),
            (due, next) => {
                if let Some((date, estimate)) = due {
                    if estimate > Cents::default() {
                        cx.alert(format!("payout/{date}"), reminder(&date, estimate));
                    }
                    if let Some(until) = unread(&date, estimate, &today, next.as_ref()) {
                        cx.alert(format!("payout/{date}/after"), missed(&date, until));
                    }
                }
                next.or_else(|| self.snapshot.payout.take())
            }
        };
    }

    async fn tiers(&mut self, cx: &mut Context<'_>) -> Result<(), Interrupt> {
        let list = self.list(cx, Query::Tiers, shape::tiers).await?.filter(Listed::is_whole);
        let Some(Listed { shown: tiers, .. }) = list else { return Ok(()) };
        let named = |tier: &shape::Tier| (tier.name.line(80), tier.price);
        self.snapshot.tiers = tiers.iter().map(named).collect();
        let open = tiers.iter().filter(|tier| tier.admin_info.as_ref().is_none_or(|info| info.is_published));
        self.metric("tiers", count(open.count()));
        Ok(())
    }

    async fn activities(&mut self, cx: &mut Context<'_>) -> Result<(), Interrupt> {
        let Some(list) = self.list(cx, Query::Activities, shape::activities).await? else { return Ok(()) };
        // Nothing is concluded of what is not there, so one that is hidden keeps no other back.
        let news = self.snapshot.take(list.shown, cx.now());
        for activity in news.iter().take(TOLD_MAX) {
            let about = digest("activity", &activity.id).short(16);
            cx.alert(format!("sponsors/{about}"), sentence(activity));
        }
        if let Some(more) = news.len().checked_sub(TOLD_MAX).filter(|more| *more > 0) {
            let about = format!("sponsors/more/{}", cx.now());
            cx.alert(
                about,
                format!("{more} more things happened among your sponsors; your dashboard shows them"),
            );
        }
        self.metric("news", count(news.len()));
        Ok(())
    }

    /// Remembers who sponsors now, and counts who came and went since the last whole list.
    fn compare(&mut self, list: &[Sponsorship]) {
        let before = std::mem::take(&mut self.snapshot.sponsors);
        self.snapshot.sponsors = list.iter().map(known).collect();
        let now = &self.snapshot.sponsors;
        let came = now.keys().filter(|id| !before.contains_key(*id)).count();
        let gone = before.keys().filter(|id| !now.contains_key(*id)).count();
        let private = now.values().filter(|sponsor| sponsor.is_private).count();
        let (all, once) = (now.len(), now.values().filter(|sponsor| sponsor.is_one_time).count());
        for (name, n) in [
            ("sponsors", all),
            ("sponsors_private", private),
            ("sponsors_once", once),
            ("came", came),
            ("gone", gone),
        ] {
            self.metric(name, count(n));
        }
    }

    /// Drafts a note to each sponsor who was not thanked, the longest waiting first.
    async fn thank(
        &mut self,
        cx: &mut Context<'_>,
        profile: &Profile,
        list: &[Sponsorship],
    ) -> Result<(), Interrupt> {
        let Some(dashboard) = self.dashboard(profile) else { return Ok(()) };
        let login = |one: &Sponsorship| one.sponsor.as_ref().and_then(|sponsor| sponsor.login.clone());
        let mut waiting: Vec<(Untrusted, &Sponsorship)> = list
            .iter()
            .filter_map(|one| Some((login(one).filter(|login| plain(login).is_some())?, one)))
            .collect();
        waiting.sort_by(|(a, one), (b, other)| (one.since, a).cmp(&(other.since, b)));
        let mut drafted = 0;
        for (login, one) in waiting {
            if drafted == THANKS_MAX {
                break;
            }
            if !self.snapshot.may_thank(&login, one.since) {
                continue;
            }
            let Some(action) = note::draft(&self.sponsors, one, &dashboard, cx.now()) else { continue };
            let key = digest("sponsor", &login);
            match cx.act(&format!("thank-{}", key.short(16)), action).await? {
                Act::Pending(_) | Act::Done(_) => drafted += 1,
                // It may be taken another time.
                Act::Refused(Refusal { class: ErrorClass::Transient | ErrorClass::RateLimit, .. }) => break,
                Act::Refused(Refusal { why, .. }) => {
                    let why = Untrusted::new(why).line(200);
                    let who = who(one.sponsor.as_ref(), one.privacy.is_private());
                    self.report.errors.push(format!("the note to {who} was not taken: {why}"));
                }
            }
            self.snapshot.thanked.insert(key, cx.now());
        }
        self.metric("notes_drafted", drafted.try_into().unwrap_or(i64::MAX));
        Ok(())
    }

    fn dashboard(&mut self, profile: &Profile) -> Option<LogicalUrl> {
        let url = &profile.listing.as_ref()?.dashboard_url;
        match url.as_url_on(&["github.com"]) {
            Ok(url) => Some(url),
            Err(error) => {
                self.report
                    .errors
                    .push(format!("no note is drafted, the dashboard's address is not GitHub's: {error}"));
                None
            }
        }
    }

    /// A list to its end; `None` if it could not be read so, which is in the report.
    async fn list<T>(
        &mut self,
        cx: &mut Context<'_>,
        query: Query,
        parse: Parse<T>,
    ) -> Result<Option<Listed<T>>, Interrupt> {
        if self.stopped {
            self.source(
                query,
                SourceHealth::Failed,
                "not asked: it would fail like the query before".to_owned(),
            );
            return Ok(None);
        }
        let since = self.snapshot.since(cx.now());
        let mut list = Listed { shown: Vec::new(), hidden: 0 };
        let (mut pages, mut after) = (Pages::default(), None);
        for n in 1_u32.. {
            let action = self.sponsors.query(query, after.as_ref(), Some(since));
            let read = ask(cx, &format!("{}-{n}", query.name()), action, parse).await?;
            let Some(page) = self.taken(query, read) else { return Ok(None) };
            list.shown.extend(page.items);
            list.hidden += page.hidden;
            // Who cannot be read must not look like somebody who left.
            if let Some(first) = page.bad.first() {
                self.source(query, SourceHealth::Failed, format!("not whole: {first}"));
                return Ok(None);
            }
            match page.next.map(|next| pages.follow(next)) {
                None => return Ok(self.ended(query, list, page.total)),
                Some(Ok(next)) => after = Some(next),
                Some(Err(error)) => {
                    self.source(query, SourceHealth::Failed, error.to_string());
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    /// A list that has no further page, of which GitHub counts `total`; `None` if it ended before them.
    fn ended<T>(&mut self, query: Query, list: Listed<T>, total: u64) -> Option<Listed<T>> {
        let shown = list.shown.len();
        let there = u64::try_from(shown + list.hidden).unwrap_or(u64::MAX);
        let (health, sentence) = match list.hidden {
            _ if there < total => {
                (SourceHealth::Failed, format!("not whole: it ended after {there} of {total}"))
            }
            0 => (SourceHealth::Fresh, format!("{shown} read")),
            hidden if query == Query::Activities => {
                (SourceHealth::Fresh, format!("{shown} read; GitHub does not show {hidden} more"))
            }
            // It may stay so for good, and the machine tells of a source that fails in run after run.
            _ => {
                let said = "until it shows all again, nobody and nothing here is counted or taken for gone";
                (SourceHealth::Failed, format!("not whole: GitHub shows {shown} of {there}; {said}"))
            }
        };
        self.source(query, health, sentence);
        (there >= total).then_some(list)
    }

    /// What a query gave; a failure goes into the report.
    fn taken<T>(&mut self, query: Query, read: Result<Fresh<T>, Failed>) -> Option<T> {
        match read {
            Ok(fresh) => Some(fresh.value),
            Err(failed) => {
                self.stopped |= failed.is_for_all();
                self.source(query, SourceHealth::Failed, failed.why);
                None
            }
        }
    }

    fn source(&mut self, query: Query, health: SourceHealth, sentence: String) {
        self.report.sources.push(SourceReport { name: query.name().to_owned(), health, sentence });
    }

    fn metric(&mut self, name: &str, value: i64) {
        self.report.metrics.push((name.to_owned(), value));
    }
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn known(one: &Sponsorship) -> (String, KnownSponsor) {
    let login = one.sponsor.as_ref().and_then(|sponsor| sponsor.login.as_ref()).map(|login| login.line(60));
    let sponsor = KnownSponsor {
        login,
        price: one.tier.as_ref().map(|tier| tier.price),
        is_one_time: one.is_one_time,
        is_private: one.privacy.is_private(),
    };
    (one.id.line(200), sponsor)
}

/// A day as the schema's `Date` has it, `2026-08-22`; anything else is none.
fn day(text: &Untrusted) -> Option<String> {
    let text = text.line(10);
    let at: Option<Moment> = format!("{text}T00:00:00Z").parse().ok();
    at.map(|_| text)
}

/// Until when nothing was read since the day of a payout, if one may have been made that nobody was reminded of: on that
/// day, of which an estimate was read that was nothing, or in a month after it.
fn unread<'a>(
    date: &str,
    estimate: Cents,
    today: &'a str,
    next: Option<&'a (String, Cents)>,
) -> Option<&'a str> {
    let next = next.map(|(next, _)| next.as_str());
    let skipped = match next {
        Some(next) => days(date, next) > NEXT_PAYOUT_DAYS,
        None => days(date, today) > MONTH_DAYS,
    };
    let unseen = estimate == Cents::default() && days(date, today) > SOON_DAYS;
    (skipped || unseen).then(|| next.filter(|next| *next < today).unwrap_or(today))
}

/// From one day to a later one; 0 if they are none.
fn days(from: &str, to: &str) -> u64 {
    let at = |day: &str| format!("{day}T00:00:00Z").parse::<Moment>().ok();
    at(from).zip(at(to)).map_or(0, |(from, to)| to.since(from).as_secs() / (24 * 3600))
}

fn missed(date: &str, until: &str) -> String {
    format!(
        "GitHub was not read from {date}, the day of a payout, until {until}: a payout may have been made in between that \
         is not known here; look at your Sponsors dashboard, and book by its statement what came, each as payout-DAY"
    )
}

fn reminder(date: &str, estimate: Cents) -> String {
    format!(
        "GitHub's payout of {date} was due, by its own estimate {estimate}; when it is in your bank, book what the \
         statement says: money-machine earnings record github-sponsors payout-{date} --strategy github-sponsors \
         --stage cleared --amount SUM --currency {} --evidence STATEMENT",
        shape::CURRENCY
    )
}
