//! The programmes that are always there, and the traps that every platform always holds.
//!
//! The traps are those that real scope data was found to hold: a target twice, a target on both sides,
//! one identifier under two types, outer spaces and tabs, prose in place of an identifier, other
//! scripts, over 255 characters, wildcards not in front, redacted names, programmes without any scope.
//! Touches nothing and cannot fail.

use super::words::{pair, target, title};
use super::{Feed, Kind, Programme, Target, number};

/// The nth programme of this feed.
pub(super) fn programme(seed: u64, feed: Feed, nth: usize) -> Programme {
    let salt = number(seed, feed.name(), &[nth as u64]);
    made(feed, &format!("{nth}"), salt, Some(nth))
}

/// A programme whose slug holds this mark. The nth of the base carries traps.
pub(super) fn made(feed: Feed, mark: &str, salt: u64, nth: Option<usize>) -> Programme {
    let pair = pair(salt);
    let slug = format!("example-{pair}-{mark}");
    let mut programme = Programme {
        key: feed.key(&slug, salt),
        name: title(&format!("{pair} {mark}")),
        reward: reward(salt),
        targets: Vec::new(),
        slug,
        nth,
        salt,
    };
    // On two platforms some programmes publish no scope at all.
    let may_be_bare = matches!(feed, Feed::HackerOne | Feed::Federacy);
    if may_be_bare && nth.is_some_and(|nth| nth % 11 == 5) {
        return programme;
    }
    for index in 0..3 + salt % 8 {
        let mut next = target(&programme.slug, &index.to_string(), number(salt, "target", &[index]));
        next.inside = index < 2 || !number(salt, "side", &[index]).is_multiple_of(5);
        programme.targets.push(next);
    }
    if let Some(nth) = nth {
        trap(&mut programme, feed, nth);
    }
    programme
}

/// Lowest and highest reward; a third of all programmes pays nothing.
fn reward(salt: u64) -> Option<(u32, u32)> {
    let lowest = [0, 50, 100, 250].get((salt / 13 % 4) as usize).copied().unwrap_or(0);
    let highest = 500 * (u32::try_from(salt / 7 % 20).unwrap_or(0) + 1);
    (!salt.is_multiple_of(3)).then_some((lowest, highest))
}

/// The nth programme's trap. Three in a row hold all of them, so even the small world does.
fn trap(programme: &mut Programme, feed: Feed, nth: usize) {
    let slug = programme.slug.clone();
    let mut add = |kind, inside, identifier: String| {
        programme.targets.push(Target { identifier, kind, inside });
    };
    match nth % 3 {
        0 => {
            add(Kind::Web, true, format!(" https://spaces.{slug}.example/path "));
            add(Kind::Web, true, format!("tab.{slug}.example\t"));
            add(Kind::Web, true, format!("twice.{slug}.example"));
            add(Kind::Web, true, format!("twice.{slug}.example"));
            add(Kind::Wildcard, true, format!("https://*-prod.{slug}.example/*"));
            add(Kind::Wildcard, false, format!("jira*.tools.{slug}.example"));
        }
        1 => {
            add(Kind::Android, true, format!("example.app.{slug}"));
            add(Kind::Ios, true, format!("example.app.{slug}"));
            add(Kind::Web, true, format!("both-sides.{slug}.example"));
            add(Kind::Other, false, format!("both-sides.{slug}.example"));
            add(Kind::Unknown, true, format!("no-type.{slug}.example"));
            add(Kind::Network, true, "192.0.2.0/24".to_owned());
            add(Kind::Network, false, "2001:db8:7::/48".to_owned());
        }
        _ => {
            add(Kind::Other, true, prose(&slug));
            add(Kind::Other, true, long_prose(&slug));
            add(
                Kind::Other,
                false,
                "Anything that is not listed above, and any third party’s system.".to_owned(),
            );
            add(Kind::Web, true, format!("bücher.{slug}.example"));
            add(Kind::Web, true, format!("サンドボックス.{slug}.example"));
            add(Kind::Source, true, format!("https://code.{slug}.example/tools/\"quoted\"\\back"));
        }
    }
    if feed == Feed::Bugcrowd && nth % 3 == 2 {
        // Redacted, and the same twice.
        add(Kind::Web, true, "█".repeat(13));
        add(Kind::Web, true, "█".repeat(13));
        programme.name.push(' ');
    }
}

fn prose(slug: &str) -> String {
    format!("Any host of ours (e.g. *.{slug}.example) that can be reached from the public Internet")
}

/// Over 255 characters.
fn long_prose(slug: &str) -> String {
    let part =
        format!("the staging systems under {slug}.example, as long as no customer’s data is touched; ");
    format!("In scope are {}and nothing else.", part.repeat(4))
}
