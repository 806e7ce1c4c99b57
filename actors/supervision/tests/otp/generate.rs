//! Scripts out of a seed: every kind of child, death and command, in small families.

use mm_supervision::{AutoShutdown, Restart, Strategy};

use crate::script::{Death, Row, Script, Step, Stop};

/// SplitMix64, which is enough to scatter.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    fn of<T: Copy>(&mut self, these: &[T]) -> T {
        these[self.below(these.len() as u64) as usize]
    }
}

/// The script of one seed.
pub fn script(seed: u64) -> Script {
    let mut dice = Dice(seed);
    let auto_shutdown =
        dice.of(&[AutoShutdown::Never, AutoShutdown::AnySignificant, AutoShutdown::AllSignificant]);
    let kinds = Kinds { auto_shutdown, groups: dice.below(64) };
    let size = 1 + dice.below(4) as usize;
    let names = ['a', 'b', 'c', 'd', 'e'];
    let rows: Vec<Row> = names[..size].iter().map(|&name| row(&mut dice, name, kinds)).collect();
    let mut known = rows.clone();
    let steps = (0..2 + dice.below(6)).map(|_| step(&mut dice, &mut known, kinds)).collect();
    Script {
        strategy: dice.of(&[Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne]),
        intensity: dice.of(&[0, 1, 2, 3, 5, 8]),
        auto_shutdown,
        rows,
        steps,
    }
}

/// What the rows of one script have in common.
#[derive(Clone, Copy)]
struct Kinds {
    auto_shutdown: AutoShutdown,
    /// Whose rows are groups, a bit each: by name, as a later row may be refused for an earlier one.
    groups: u64,
}

fn row(dice: &mut Dice, name: char, kinds: Kinds) -> Row {
    let restart = dice.of(&[Restart::Permanent, Restart::Transient, Restart::Temporary]);
    let mut row = Row::new(name, restart);
    // OTP refuses it of permanent children, and where nothing ever comes of it.
    let may = restart != Restart::Permanent && kinds.auto_shutdown != AutoShutdown::Never;
    row.significant = may && dice.one_in(2);
    row.group = kinds.groups >> (name as u64 - 'a' as u64) & 1 == 1;
    row.stop = match dice.below(4) {
        // What is below a supervisor that is killed ends on its own time.
        0 if !row.group => Stop::BrutalKill,
        1 => Stop::Within(20),
        _ => Stop::Infinity,
    };
    row.stubborn = !row.group && matches!(row.stop, Stop::Within(_)) && dice.one_in(2);
    if dice.one_in(3) {
        // Mostly a later start: a first one that fails ends the script at once.
        row.failing = (2..7).filter(|_| dice.one_in(3)).collect();
    }
    if dice.one_in(40) {
        row.failing.push(1);
    }
    row
}

fn step(dice: &mut Dice, known: &mut Vec<Row>, kinds: Kinds) -> Step {
    let row = known[dice.below(known.len() as u64) as usize].clone();
    match dice.below(10) {
        0 => Step::Terminate(row.name),
        1 => Step::Restart(row.name),
        2 => Step::Delete(row.name),
        3 => {
            let name = dice.of(&['a', 'c', 'e', 'f']);
            let row = self::row(dice, name, kinds);
            known.retain(|other| other.name != name);
            known.push(row.clone());
            Step::Add(row)
        }
        _ if row.group => Step::Dies(row.name, dice.of(&[Death::Shutdown, Death::ShutdownTerm])),
        _ => Step::Dies(row.name, dice.of(&[Death::Normal, Death::Crash, Death::Crash, Death::Kill])),
    }
}
