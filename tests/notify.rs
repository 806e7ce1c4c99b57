//! What the real daemon tells whoever started it, heard as systemd hears it: on a datagram socket of
//! the test's own, named in `NOTIFY_SOCKET`.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that plays systemd")]

use std::collections::VecDeque;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

#[path = "daemon/harness.rs"]
#[expect(dead_code, reason = "the other test of the daemon uses all of it")]
mod harness;

use harness::{Daemon, Home};
use mm_core::moment::Moment;
use mm_store::BootBook;

/// Nothing here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// systemd's side.
struct Ear {
    socket: UnixDatagram,
    name: String,
    heard: VecDeque<String>,
}

impl Ear {
    fn path(home: &Home) -> Ear {
        let path = home.path("notify");
        Ear::of(UnixDatagram::bind(&path).unwrap(), path.to_string_lossy().into_owned())
    }

    fn abstract_name() -> Ear {
        let name = format!("money-machine-notify-{}", std::process::id());
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        Ear::of(socket, format!("@{name}"))
    }

    fn of(socket: UnixDatagram, name: String) -> Ear {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Ear { socket, name, heard: VecDeque::new() }
    }

    /// The next word, whatever it is.
    fn next(&mut self) -> String {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).unwrap();
        let word = String::from_utf8(buffer[..length].to_vec()).unwrap();
        self.heard.push_back(word.clone());
        word
    }

    /// The next word that begins so.
    fn until(&mut self, begins: &str) -> String {
        loop {
            let word = self.next();
            if word.starts_with(begins) {
                return word;
            }
            assert!(self.heard.len() < 1000, "never `{begins}`: {:?}", self.heard);
        }
    }
}

fn start(home: &Home, ear: &Ear, watchdog: Option<Duration>) -> Daemon {
    let mut command = home.command("run --sandbox");
    command.env("NOTIFY_SOCKET", &ear.name);
    if let Some(limit) = watchdog {
        command.env("WATCHDOG_USEC", limit.as_micros().to_string());
    }
    Daemon::of(command)
}

#[test]
fn it_is_ready_once_it_answers_and_says_when_it_stops() {
    let home = Home::new();
    let mut ear = Ear::path(&home);
    let daemon = start(&home, &ear, None);
    // The first word of all, and what it promises holds at once.
    assert_eq!(ear.next(), "READY=1\nSTATUS=running (sandbox)");
    let status = home.json("status");
    assert_eq!((&status["running"], &status["safe_mode"]), (&true.into(), &false.into()));
    daemon.signal("TERM");
    assert_eq!(ear.next(), "STOPPING=1\nSTATUS=stopping");
    assert_eq!(daemon.code(), 0);
}

/// Three starts in a row that did not come up, as the book of boots has them, make the fourth one safe.
#[test]
fn in_safe_mode_it_is_ready_too_and_says_so() {
    let home = Home::used();
    let book = BootBook::in_dir(&home.data());
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    (0..3).for_each(|_| drop(book.begin(Moment::from_unix_ms(since.as_millis() as i64)).unwrap()));
    let mut ear = Ear::abstract_name();
    let daemon = start(&home, &ear, Some(Duration::from_secs(1)));
    let word = ear.until("READY=1");
    assert!(word.starts_with("READY=1\nSTATUS=in safe mode (sandbox): nothing goes out"), "{word}");
    assert_eq!(home.json("status")["safe_mode"], true);
    // An operator starts the kernel; then that is told as well.
    assert_eq!(home.run("actors restart kernel --reason mended").code, 0);
    ear.until("STATUS=running (sandbox)");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn while_it_reads_its_configuration_again_it_is_not_ready() {
    let home = Home::new();
    let mut ear = Ear::path(&home);
    let daemon = start(&home, &ear, None);
    ear.until("READY=1");
    daemon.signal("HUP");
    assert!(ear.next().starts_with("RELOADING=1\nMONOTONIC_USEC="), "{:?}", ear.heard);
    assert_eq!(ear.next(), "READY=1\nSTATUS=running (sandbox)");
    assert_eq!(daemon.stop(), 0);
}

/// Whoever started the guardian hears of one service, whatever becomes of its daemons.
#[test]
fn a_guardian_is_one_service_over_all_lives_of_its_daemon() {
    let home = Home::new();
    let mut ear = Ear::path(&home);
    let mut command = home.command("run --sandbox --guardian --guardian-hurry 20");
    command.env("NOTIFY_SOCKET", &ear.name);
    let guardian = Daemon::of(command);
    ear.until("READY=1");
    ear.until("STATUS=running (sandbox)");
    guardian.signal("HUP");
    assert!(ear.until("RELOADING=1").starts_with("RELOADING=1\nMONOTONIC_USEC="), "{:?}", ear.heard);
    ear.until("READY=1");
    ear.until("STATUS=running (sandbox)");
    let before = ear.heard.len();
    for sign in ["KILL", "KILL"] {
        let pid = home.json("status")["pid"].to_string();
        assert!(std::process::Command::new("kill").args(["-s", sign, &pid]).status().unwrap().success());
        ear.until("STATUS=the daemon ended after");
        ear.until("STATUS=running (sandbox)");
    }
    let said = |word: &String| word.starts_with("STATUS=");
    assert!(ear.heard.iter().skip(before).all(said), "{:?}", ear.heard);
    guardian.signal("TERM");
    assert_eq!(ear.until("STOPPING=1"), "STOPPING=1\nSTATUS=stopping");
    assert_eq!(guardian.code(), 0);
}

#[test]
fn the_watchdog_is_fed_twice_in_its_time() {
    let home = Home::new();
    let mut ear = Ear::path(&home);
    let limit = Duration::from_millis(1000);
    let daemon = start(&home, &ear, Some(limit));
    ear.until("READY=1");
    ear.until("WATCHDOG=1");
    let (began, meals) = (Instant::now(), 8);
    (0..meals).for_each(|_| drop(ear.until("WATCHDOG=1")));
    let each = began.elapsed() / meals;
    println!("fed every {} ms", each.as_millis());
    // No faster than it must be; on a busy machine slower than it should.
    assert!(each >= limit / 4 && each <= limit, "every {each:?}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_watchdog_of_another_process_is_not_fed() {
    let home = Home::new();
    let mut ear = Ear::path(&home);
    let mut command = home.command("run --sandbox");
    command.env("NOTIFY_SOCKET", &ear.name).env("WATCHDOG_USEC", "100000").env("WATCHDOG_PID", "1");
    let daemon = Daemon::of(command);
    ear.until("READY=1");
    daemon.until_said("more:");
    assert_eq!(daemon.stop(), 0);
    ear.until("STOPPING=1");
    assert!(!ear.heard.iter().any(|word| word.contains("WATCHDOG")), "{:?}", ear.heard);
}

/// Held still for longer than its watchdog's time it says nothing; continued, it goes on.
#[test]
fn a_process_that_stands_still_does_not_feed() {
    let home = Home::new();
    let mut ear = Ear::path(&home);
    let limit = Duration::from_millis(400);
    let daemon = start(&home, &ear, Some(limit));
    ear.until("WATCHDOG=1");
    daemon.signal("STOP");
    daemon.until("stands still", || state(daemon.pid()) == 'T');
    ear.socket.set_nonblocking(true).unwrap();
    let mut buffer = [0; 4096];
    while ear.socket.recv(&mut buffer).is_ok() {}
    ear.socket.set_nonblocking(false).unwrap();
    ear.socket.set_read_timeout(Some(limit * 3)).unwrap();
    assert!(ear.socket.recv(&mut buffer).is_err(), "fed while it stands still");
    ear.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    daemon.signal("CONT");
    ear.until("WATCHDOG=1");
    assert_eq!(daemon.stop(), 0);
}

fn state(pid: u32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
}

#[test]
fn an_address_that_is_none_is_a_warning_and_no_reason_not_to_run() {
    let home = Home::new();
    let mut command = home.command("run --sandbox");
    command.env("NOTIFY_SOCKET", "not/absolute");
    let daemon = Daemon::of(command);
    daemon.until_said("warning: NOTIFY_SOCKET is `not/absolute`");
    daemon.until("answers", || home.run("status").code == 0);
    assert_eq!(daemon.stop(), 0);
}
