//! Every state of an opportunity is explained: its steps lead to it from new, none is missing, and each stands
//! on the audit trail once.

use std::collections::BTreeMap;

use mm_core::opportunity::{Opportunity, State, Step};

use super::evidence::Evidence;
use super::trail::Audit;

/// What is wrong with the steps of opportunities.
pub fn steps(e: &Evidence) -> Vec<String> {
    let mut own: BTreeMap<String, Vec<Step>> = BTreeMap::new();
    for step in e.rows::<Step>().into_values() {
        own.entry(step.opportunity.to_string()).or_default().push(step);
    }
    let mut wrong = Vec::new();
    for (id, row) in e.rows::<Opportunity>() {
        wrong.extend(explained(&row, own.get(&id).map_or(&[], Vec::as_slice)));
    }
    let mut told: BTreeMap<(&str, u64), u32> = BTreeMap::new();
    for entry in e.audit.iter().filter(|entry| entry.kind.starts_with("opportunity.")) {
        *told.entry((entry.text("opportunity"), number(entry))).or_default() += 1;
    }
    for step in own.values().flatten() {
        let times = told.remove(&(step.opportunity.as_str(), u64::from(step.number))).unwrap_or(0);
        if times != 1 {
            let Step { opportunity, number, .. } = step;
            wrong.push(format!("step {number} of {opportunity} stands {times} times on the trail"));
        }
    }
    wrong.extend(told.keys().map(|(id, number)| format!("step {number} of {id} is told and not there")));
    wrong
}

fn number(entry: &Audit) -> u64 {
    entry.payload["step"].as_u64().unwrap_or_default()
}

/// Whether `steps`, in their order, lead to where an opportunity stands.
fn explained(row: &Opportunity, steps: &[Step]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut at = State::New;
    for (n, step) in (1..).zip(steps) {
        if step.number != n || step.from != at || step.to == at {
            wrong.push(format!(
                "step {n} of {} is number {} and leads from {} to {}, and it was {}",
                row.id,
                step.number,
                step.from.as_str(),
                step.to.as_str(),
                at.as_str()
            ));
        }
        at = step.to;
    }
    if (row.state, row.steps as usize) != (at, steps.len()) {
        wrong.push(format!(
            "opportunity {} is {} after {} steps, and {} of them lead to {}",
            row.id,
            row.state.as_str(),
            row.steps,
            steps.len(),
            at.as_str()
        ));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use mm_core::moment::Moment;
    use mm_core::opportunity::{Decision, Facts, Who};

    use super::*;

    fn it() -> Opportunity {
        let strategy: mm_core::id::StrategyId = "watcher".parse().unwrap();
        let at = Moment::from_unix_ms(1);
        Opportunity {
            id: Opportunity::id_of(&strategy, "demo", "chance", &["it"]),
            strategy,
            platform: "demo".to_owned(),
            kind: "chance".to_owned(),
            title: "it".to_owned(),
            url: String::new(),
            state: State::New,
            found_at: at,
            updated_at: at,
            reward: None,
            score: 1,
            reason: String::new(),
            evidence: None,
            details: "{}".to_owned(),
            tell: true,
            deadline: None,
            payer: None,
            facts: Facts::default(),
            steps: 0,
            settled: false,
        }
    }

    #[test]
    fn a_state_that_no_step_explains_is_found() {
        let mut row = it();
        let mut steps = Vec::new();
        for decision in [Decision::Accept, Decision::Submitted, Decision::Awarded, Decision::Paid] {
            let (after, step) = row.after(decision, Who::Machine, None, row.found_at).unwrap().unwrap();
            row = after;
            steps.push(step);
        }
        assert_eq!(explained(&row, &steps), Vec::<String>::new());
        assert_eq!(explained(&it(), &[]), Vec::<String>::new());
        // Any step that is gone, doubled or swapped, and a state that was changed without one.
        for gone in 0..steps.len() {
            let mut fewer = steps.clone();
            fewer.remove(gone);
            assert!(!explained(&row, &fewer).is_empty(), "{gone}");
            let mut more = steps.clone();
            more.insert(gone, steps[gone].clone());
            assert!(!explained(&row, &more).is_empty(), "{gone}");
        }
        steps.swap(1, 2);
        assert!(!explained(&row, &steps).is_empty());
        assert!(!explained(&Opportunity { state: State::Accepted, ..it() }, &[]).is_empty());
    }
}
