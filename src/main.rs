//! Parses, runs one verb, exits.

use money_machine::exit::Exit;

fn main() -> Exit {
    money_machine::cli::main(std::env::args_os())
}
