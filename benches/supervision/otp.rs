//! OTP's side: an escript that is asked line by line, and does nothing in between.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running escript.
pub struct Otp {
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
    escript: Child,
}

impl Otp {
    /// Starts it, with children of that kind; `None`, said aloud, where there is no `escript`.
    pub fn start(kind: &str) -> Option<Self> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/supervision/otp.escript");
        let mut command = Command::new("escript");
        command.args([path, kind]).stdin(Stdio::piped()).stdout(Stdio::piped());
        match command.spawn() {
            Ok(mut escript) => {
                let asks = escript.stdin.take().expect("it was asked for");
                let answers = BufReader::new(escript.stdout.take().expect("it was asked for"));
                Some(Self { asks, answers, escript })
            }
            Err(error) => {
                eprintln!("SKIPPED: OTP's side: no escript here ({error}); Debian has it in erlang-base");
                None
            }
        }
    }

    pub fn ask(&mut self, what: &str, count: usize) -> Vec<f64> {
        writeln!(self.asks, "{what} {count}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.split_whitespace().map(|number| number.parse().unwrap()).collect()
    }
}

impl Drop for Otp {
    fn drop(&mut self) {
        drop(self.escript.kill());
        drop(self.escript.wait());
    }
}
