//! Parses, runs one verb, exits.

use money_machine::exit::Exit;
use money_machine::machine::Machine;

fn main() -> Exit {
    Machine::new().with_builtins().main()
}
