//! What the strategies of a program think of their settings, before any of them runs.

use mm_supervision::panics::caught;
use serde_json::Value;

use super::Machine;
use crate::config::{Config, Mistake};

impl Machine {
    /// Every mistake that strategies find in their own settings, also those that are switched off, by strategy.
    /// It is their own code that answers, on this thread: nothing that must go on may wait for it.
    pub fn mistakes(&self, config: &Config) -> Vec<(String, Vec<Mistake>)> {
        let told = self.strategies.iter().filter_map(|(id, make)| {
            let own = config.strategies.get(id.as_str())?;
            let ask = |settings: &Value| {
                let panicked = |panic: mm_supervision::panics::Panic| {
                    Err(format!("it panicked over its settings: {}", panic.text))
                };
                caught(|| make().initialise(settings)).unwrap_or_else(panicked)
            };
            let mistakes = own.config.mistakes(ask);
            (!mistakes.is_empty()).then(|| (id.to_string(), mistakes))
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::config::{self, Env, Overrides, Sources};

    /// A configuration file of this text, and what it holds.
    fn loaded(text: &str) -> (tempfile::NamedTempFile, Config) {
        let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let machine = Machine::new().with_builtins();
        let loaded = config::load(Sources {
            file: Some(file.path().to_owned()),
            env: Env::default(),
            flags: Overrides::default(),
            installed: &machine.names(),
            check_schedule: |_| Ok(()),
        });
        (file, loaded.unwrap().config)
    }

    /// What is told of it.
    fn told(text: &str) -> String {
        let (file, config) = loaded(text);
        let machine = Machine::new().with_builtins();
        let mistakes = machine.mistakes(&config).into_iter().flat_map(|(_, all)| all);
        let lines: Vec<String> = mistakes.map(|mistake| mistake.to_string()).collect();
        lines.join("\n").replace(&file.path().display().to_string(), "c.toml")
    }

    #[test]
    fn the_built_in_settings_are_taken() {
        assert_eq!(told(""), "");
    }

    #[test]
    fn a_strategy_that_is_put_aside_names_the_lines_that_its_owner_wrote() {
        let (file, config) =
            loaded("[user]\nemail = \"me@example.org\"\n[strategies.bug-bounty.config]\nno = 1\n");
        let settings = Machine::new().with_builtins().settings(&config, "sandbox", true).unwrap();
        let place = |id: &str| settings.strategies[&id.parse().unwrap()].place.clone().unwrap();
        assert_eq!(place("bug-bounty"), format!("{}:3", file.path().display()));
        assert!(place("affiliate").starts_with("default.toml:"), "{}", place("affiliate"));
    }

    #[test]
    fn each_strategy_tells_every_mistake_in_its_settings_with_its_line_and_the_key_that_was_meant() {
        expect![[r#"
            c.toml:6: `strategies.bug-bounty.config.hackerone_acount` is not taken; bug-bounty does not know `hackerone_acount`; it knows hackerone_account, intigriti_account, yeswehack_account and report; did you mean `hackerone_account`?
            c.toml:2: `strategies.freelance-leads.config.skill` is not taken; freelance-leads does not know `skill`; it knows skills, languages, rate, minimum, remote, hackernews, remoteok, feeds, freelancer_account, bid, bid_days, hours and reads_max; did you mean `skills`?
            c.toml:3: `strategies.freelance-leads.config.rate` is not taken; freelance-leads: `rate` is one sum with its currency, such as "80 EUR""#]].assert_eq(&told(
            "[strategies.freelance-leads.config]\nskill = [\"rust\"]\nrate = \"40 bucks\"\n\n\
             [strategies.bug-bounty.config]\nhackerone_acount = \"main\"\n",
        ));
        expect![[r#"
            c.toml:2: `strategies.affiliate.config.impact` is not taken; affiliate: `impact.sid` is the AccountSID of Impact's settings, letters and digits such as "IRabc123"
            c.toml:3: `strategies.affiliate.config.days_back` is not taken; affiliate: `days_back` is a whole number from 1 to 1095"#]].assert_eq(&told("[strategies.affiliate.config]\nimpact = { account = \"main\" }\ndays_back = 0\n"));
    }
}
