//! The owner of a rehearsed machine: somebody has to say yes or no to what waits for a person.
//!
//! Once an hour he accepts some of what was found and answers what waits, by a stated habit; one who answers
//! also does what software must not, and says so, renews a credential that a platform did not take, and tells of
//! payments, where the world is a made one. All chance in it comes from a seed. He speaks to the machine through its
//! admin, as the real one does, and touches nothing else. What the machine answers him he does not look at: the
//! checker sees that it answered, and what came of it.

use std::collections::BTreeMap;

use mm_core::seams::SplitMix64;
use serde_json::{Value, json};

use super::Simulation;

/// One in so many new opportunities is accepted each hour.
const ACCEPTS_ONE_IN: u64 = 3;

/// One in so many of the things that he does himself is over each hour.
const DOES_ONE_IN: u64 = 6;
/// Of those he gives up one in so many.
const GIVES_UP_ONE_IN: u64 = 5;

/// Of one in so many opportunities that he works on a payment is told each hour.
const PAID_ONE_IN: u64 = 4;
/// The states in which there may be a payment to tell of.
const WORKED_ON: [&str; 3] = ["accepted", "submitted", "awarded"];

/// How he answers what waits for him.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Yes; where a draft has a gap, he fills it.
    Approves,
    /// No.
    Rejects,
    /// Not at all.
    Silent,
}

impl Owner {
    /// All of them.
    pub const ALL: [Owner; 3] = [Owner::Approves, Owner::Rejects, Owner::Silent];

    /// The word, as in `--owner`.
    pub fn as_str(self) -> &'static str {
        match self {
            Owner::Approves => "approves",
            Owner::Rejects => "rejects",
            Owner::Silent => "silent",
        }
    }

    /// The one of that name.
    pub fn of(word: &str) -> Option<Owner> {
        Owner::ALL.into_iter().find(|owner| owner.as_str() == word)
    }
}

/// The owner at his desk.
pub(super) struct Desk {
    owner: Owner,
    dice: SplitMix64,
    /// What adds each account, by its target.
    accounts: BTreeMap<String, Value>,
}

impl Desk {
    pub(super) fn of(owner: Owner, seed: u64, accounts: BTreeMap<String, Value>) -> Self {
        Self { owner, dice: SplitMix64(seed ^ 0x006f_776e_6572), accounts }
    }

    /// Before anything else he adds his accounts.
    pub(super) fn add_accounts(&self, simulation: &Simulation) {
        for (target, account) in &self.accounts {
            simulation.ask("POST", &format!("{target}/add"), account);
        }
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice.next_u64() % sides
    }

    /// One sitting.
    pub(super) fn sit(&mut self, simulation: &Simulation) {
        let (_, found) = simulation.ask("GET", "/opportunities?state=new", &Value::Null);
        for id in found.as_array().into_iter().flatten().filter_map(|one| one["id"].as_str()) {
            if self.roll(ACCEPTS_ONE_IN) == 0 {
                simulation.ask("POST", &format!("/opportunities/{id}/accept"), &Value::Null);
            }
        }
        if self.owner == Owner::Silent {
            return;
        }
        self.renew_credentials(simulation);
        let (_, inbox) = simulation.ask("GET", "/approvals", &Value::Null);
        for one in inbox.as_array().into_iter().flatten() {
            match (one["id"].as_str(), one["state"].as_str()) {
                (Some(id), Some("waiting")) => self.answer(simulation, id, &one["request"]["body"]),
                (Some(id), Some("handed")) => self.do_himself(simulation, id),
                _ => {}
            }
        }
        if simulation.sandbox().world().is_some() {
            self.tell_payments(simulation);
        }
    }

    /// Makes a new credential where the platform does not take the one there is.
    fn renew_credentials(&self, simulation: &Simulation) {
        let (_, accounts) = simulation.ask("GET", "/accounts", &Value::Null);
        let refused = |one: &&Value| one["standing"] == "auth-failed";
        for one in accounts.as_array().into_iter().flatten().filter(refused) {
            let said = |field: &str| one[field].as_str().unwrap_or_default();
            let target = format!("/accounts/{}/{}", said("platform"), said("account"));
            if let Some(account) = self.accounts.get(&target) {
                let secrets = json!({ "secrets": account["secrets"] });
                simulation.ask("POST", &format!("{target}/rotate"), &secrets);
            }
        }
    }

    /// Tells of payments as with `earnings record`; now and then of the same one twice.
    fn tell_payments(&mut self, simulation: &Simulation) {
        for state in WORKED_ON {
            let (_, rows) = simulation.ask("GET", &format!("/opportunities?state={state}"), &Value::Null);
            for one in rows.as_array().into_iter().flatten().filter(|one| is_ever_paid(one)) {
                if self.roll(PAID_ONE_IN) == 0 {
                    let told = self.payment(one);
                    for _ in 0..1 + self.roll(2) {
                        simulation.ask("POST", "/earnings/record", &told);
                    }
                }
            }
        }
    }

    /// What he tells of the payment for one opportunity: one step on, or that it was taken back.
    fn payment(&mut self, one: &Value) -> Value {
        let stages: &[&str] = match one["state"].as_str() {
            Some("awarded") => &["paid", "paid", "cleared", "reversed"],
            _ => &["expected", "claimed", "approved", "approved"],
        };
        let stage = stages[self.roll(stages.len() as u64) as usize];
        let reference = format!("rehearsed-{}", one["id"].as_str().unwrap_or_default());
        let document = format!("{reference} is {stage}");
        let bytes: String = document.bytes().map(|byte| format!("{byte:02x}")).collect();
        let mut told = json!({
            "platform": one["platform"], "reference": reference, "strategy": one["strategy"], "stage": stage,
            "amount": { "amount": format!("{}.50", 10 + self.roll(90)), "currency": "USD" },
            "opportunity": one["id"], "document": "a rehearsed statement", "bytes": bytes,
        });
        if matches!(stage, "paid" | "cleared") {
            told["fee"] = json!("0.75");
        }
        if stage == "cleared" && self.roll(2) == 0 {
            told["arrived"] = json!({ "amount": "9.25", "currency": "EUR" });
        }
        told
    }

    /// What software must not do, and he said he would: in some hour it is done, or given up.
    fn do_himself(&mut self, simulation: &Simulation, id: &str) {
        if self.roll(DOES_ONE_IN) == 0 {
            let verb = if self.roll(GIVES_UP_ONE_IN) == 0 { "not-done" } else { "done" };
            simulation.ask("POST", &format!("/approvals/{id}/{verb}"), &Value::Null);
        }
    }

    fn answer(&mut self, simulation: &Simulation, id: &str, body: &Value) {
        let say = |verb: &str, word: &Value| {
            simulation.ask("POST", &format!("/approvals/{id}/{verb}"), word);
        };
        if self.owner == Owner::Rejects {
            return say("reject", &json!({ "reason": "rehearsed" }));
        }
        let filled = body.as_str().and_then(|body| filled_in(body, self.roll(1000)));
        match filled {
            Some(body) => say("edit", &json!({ "body": body })),
            None => say("approve", &Value::Null),
        }
    }
}

/// A draft whose first gap, `[[…]]`, was filled in, in whichever of its texts it is; `None` if it has none.
fn filled_in(draft: &str, number: u64) -> Option<String> {
    let mut said: Value = serde_json::from_str(draft).ok()?;
    let has_gap = |value: &&mut Value| value.as_str().is_some_and(|text| text.contains("[["));
    let text = said.as_object_mut()?.values_mut().find(has_gap)?;
    let (before, rest) = text.as_str()?.split_once("[[")?;
    let (_, after) = rest.split_once("]]")?;
    *text = Value::String(format!("{before}Plan {number}.{after}"));
    Some(said.to_string())
}

/// Three of four opportunities are paid soon, if at all; on the others the work goes on, as on most.
fn is_ever_paid(one: &Value) -> bool {
    let id = one["id"].as_str().unwrap_or_default();
    !id.bytes().map(u32::from).sum::<u32>().is_multiple_of(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_filled_and_what_has_none_is_left_as_it_is() {
        let draft = json!({ "body": "I will [[say how]] do it." }).to_string();
        let filled = filled_in(&draft, 7).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&filled).unwrap()["body"], "I will Plan 7. do it.");
        assert_eq!(filled_in(&filled, 7), None);
        assert_eq!(filled_in("no draft", 7), None);
        let bid = json!({ "amount": 5, "description": "[[how]]" }).to_string();
        assert_eq!(filled_in(&bid, 7), Some(json!({ "amount": 5, "description": "Plan 7." }).to_string()));
        for owner in Owner::ALL {
            assert_eq!(Owner::of(owner.as_str()), Some(owner));
        }
    }
}
