//! A process that stands still (`SIGSTOP`, a suspended machine) and goes on as if nothing had been.
//!
//! While it stands it holds the store: a second daemon refuses and names its pid. Stopped between the sync
//! of an intent and the first byte, and continued after the permit ran out, it sends nothing, and what
//! became of the effect is on record as ambiguous.
//!
//! The test plays the platform. To stop the daemon just there, the platform's queue of new connections is
//! filled, so that the handshake hangs; while the daemon stands, the queue is emptied and the kernel makes
//! the connection, ready for the first byte when the daemon goes on.
//! Started with `MONEY_MACHINE_TEST_DAEMON` this binary is the daemon, the program of `examples/practice.rs`.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that plays the outside world")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio, Termination};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, listen, socket_with};
use serde_json::Value;

#[path = "daemon/clock.rs"]
mod clock;
#[path = "../examples/practice.rs"]
mod practice;
#[path = "daemon/reviewed.rs"]
mod reviewed;

/// Nothing here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    if std::env::var("MONEY_MACHINE_TEST_DAEMON").is_ok() {
        return practice::main().report();
    }
    let name = "stopped_before_the_first_byte_and_continued_too_late_it_sends_nothing";
    if std::env::args().any(|arg| arg == "--list") {
        println!("{name}: test");
        return ExitCode::SUCCESS;
    }
    println!("\nrunning 1 test");
    stopped_before_the_first_byte_and_continued_too_late_it_sends_nothing();
    println!(
        "test {name} ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n"
    );
    ExitCode::SUCCESS
}

fn stopped_before_the_first_byte_and_continued_too_late_it_sends_nothing() {
    let place = Place::new();
    let mut daemon = place.start();
    // A new strategy is due at once.
    drop(place.answer_one());
    let good = place.action_of("00001-000001-practice");
    assert_eq!(good["details"]["stage"], "confirmed", "{good}");

    let in_the_way = place.fill_the_queue();
    let strangers = place.hanging();
    let run = place.json(&["strategy", "run", "practice", "--json"])["run"].as_str().unwrap().to_owned();
    daemon.wait_for("egress.cleared", 2);
    // Between that and its first packet it may be stopped too, and would never connect.
    let began = Instant::now();
    while place.hanging() <= strangers {
        assert!(began.elapsed() < PATIENCE, "the daemon {} does not begin to connect", daemon.child.id());
    }
    daemon.signal("STOP");
    let stopped = Instant::now();

    let second = place.command(&["run", "--sandbox", "--sandbox-port", "1"]).output().unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains(&daemon.child.id().to_string()), "it names who holds the store: {said}");

    // The kernel makes the connection for it while it stands.
    drop(in_the_way);
    listen(&place.platform, 128).unwrap();
    let mut connection = place.accept_that_of(&daemon);
    std::thread::sleep(
        (mm_permit::PERMIT_LIFETIME + Duration::from_secs(1)).saturating_sub(stopped.elapsed()),
    );
    daemon.signal("CONT");

    let mut received = Vec::new();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection.read_to_end(&mut received).unwrap();
    assert_eq!(String::from_utf8_lossy(&received), "", "not one byte left");
    let action = place.action_of(&run);
    assert_eq!(
        (&action["details"]["stage"], &action["status"]),
        (&"ambiguous".into(), &"failure".into()),
        "{action}"
    );
    assert!(action["error"].is_string(), "it says why: {action}");

    // It goes on, and what is ambiguous is not sent again.
    let run = place.json(&["strategy", "run", "practice", "--json"])["run"].as_str().unwrap().to_owned();
    drop(place.answer_one());
    let next = place.action_of(&run);
    assert_eq!(next["details"]["stage"], "confirmed", "{next}");
    daemon.signal("TERM");
    assert!(daemon.child.wait().unwrap().success());
}

struct Place {
    dir: tempfile::TempDir,
    platform: TcpListener,
}

impl Place {
    fn new() -> Self {
        let place =
            Self { dir: tempfile::tempdir().unwrap(), platform: TcpListener::bind("127.0.0.1:0").unwrap() };
        place.platform.set_nonblocking(true).unwrap();
        std::fs::create_dir_all(place.data().join("rules")).unwrap();
        std::fs::write(place.data().join("rules/practice.toml"), reviewed::renewed(PRACTICE_PACK)).unwrap();
        reviewed::lay(&place.data());
        std::fs::write(place.dir.path().join("config.toml"), CONFIG).unwrap();
        place
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(args).arg("--data-dir").arg(self.data());
        command.arg("--config").arg(self.dir.path().join("config.toml"));
        command.env_clear().envs(clock::moved()).env("MONEY_MACHINE_TEST_DAEMON", "1").current_dir("/");
        command
    }

    fn json(&self, args: &[&str]) -> Value {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn start(&self) -> Daemon {
        let port = self.platform.local_addr().unwrap().port().to_string();
        let mut command = self.command(&["run", "--sandbox", "--sandbox-port", &port]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (told, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if told.send(line).is_err() {
                    return;
                }
            }
        });
        let began = Instant::now();
        while !self.command(&["status"]).output().unwrap().status.success() {
            assert!(began.elapsed() < PATIENCE, "the daemon does not come up");
        }
        Daemon { child, lines, cleared: 0 }
    }

    /// The one action of a run, once it is settled.
    fn action_of(&self, run: &str) -> Value {
        let began = Instant::now();
        loop {
            let actions = self.json(&["actions", "list", "--run", run, "--json"]);
            if let Some(action) = actions.as_array().unwrap().first()
                && action["status"] != "pending"
            {
                return self.json(&["actions", "show", action["id"].as_str().unwrap(), "--json"]);
            }
            assert!(began.elapsed() < PATIENCE, "the action of {run} is not settled: {actions}");
        }
    }

    /// Takes connections until one brings a post, and answers it; gives what was received. A look-up of what is
    /// ambiguous may come before it, and learns nothing.
    fn answer_one(&self) -> String {
        loop {
            let mut stream = self.accept();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut received = Vec::new();
            let text = loop {
                let text = String::from_utf8_lossy(&received).into_owned();
                let look_up = text.starts_with("GET ") && text.contains("\r\n\r\n");
                if look_up || text.contains("\"post\"") {
                    break text;
                }
                let mut piece = [0; 4096];
                let read = stream.read(&mut piece).unwrap();
                assert!(read > 0, "the request was cut off: {text}");
                received.extend_from_slice(&piece[..read]);
            };
            let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
            stream.write_all(answer.as_bytes()).unwrap();
            if !text.starts_with("GET ") {
                return text;
            }
        }
    }

    /// The next connection.
    fn accept(&self) -> TcpStream {
        let began = Instant::now();
        loop {
            match self.platform.accept() {
                Ok((stream, _)) => return stream,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    assert!(began.elapsed() < PATIENCE, "nobody connects");
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// How many connections to the platform hang in the handshake: their first packet has no answer.
    fn hanging(&self) -> usize {
        const SYN_SENT: &str = "02";
        let port = format!(":{:04X}", self.platform.local_addr().unwrap().port());
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let columns = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        columns.filter(|row| row.len() > 3 && row[2].ends_with(&port) && row[3] == SYN_SENT).count()
    }

    /// Lets so many strangers wait to be taken that nobody else can connect.
    fn fill_the_queue(&self) -> Vec<rustix::fd::OwnedFd> {
        listen(&self.platform, 0).unwrap();
        let to = self.platform.local_addr().unwrap();
        let mut waiting = Vec::new();
        // A queue of length 0 takes one connection; the others hang in the handshake.
        for _ in 0..4 {
            let stranger =
                socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::NONBLOCK, None).unwrap();
            let hanging = connect(&stranger, &to);
            assert!(matches!(hanging, Ok(()) | Err(rustix::io::Errno::INPROGRESS)), "{hanging:?}");
            waiting.push(stranger);
        }
        waiting
    }

    /// Takes connections until the daemon's: the strangers' were closed and end at once.
    fn accept_that_of(&self, daemon: &Daemon) -> TcpStream {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < PATIENCE, "the daemon {} never connected", daemon.child.id());
            let stream = self.accept();
            stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            let ended =
                matches!((&stream).read(&mut [0; 1]), Ok(0)) || stream.take_error().unwrap().is_some();
            let reset =
                stream.peek(&mut [0; 1]).is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset);
            if !ended && !reset {
                return stream;
            }
        }
    }
}

struct Daemon {
    child: Child,
    lines: mpsc::Receiver<String>,
    cleared: usize,
}

impl Daemon {
    /// Waits until its log has named `point` so often.
    fn wait_for(&mut self, point: &str, times: usize) {
        while self.cleared < times {
            let line = self.lines.recv_timeout(PATIENCE).unwrap();
            self.cleared += usize::from(line.contains("point") && line.contains(point));
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
    }
}

const CONFIG: &str = r#"
[logging]
file = false
[logging.levels]
mm_services = "trace"
[strategies.bug-bounty]
enabled = false
[strategies.practice]
enabled = true
schedule = "0 3 1 1 *"
"#;

const PRACTICE_PACK: &str = include_str!("../examples/practice.toml");
