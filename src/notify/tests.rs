//! The words as they arrive.

use std::io::Read as _;
use std::sync::mpsc;

use super::*;

/// Nothing here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn env(vars: &[(&str, &str)]) -> Env {
    Env::new(vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn heard(socket: &UnixDatagram) -> String {
    socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).expect("something is said");
    String::from_utf8(buffer[..length].to_vec()).expect("text")
}

#[test]
fn a_socket_with_a_path_hears_every_word() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("to bind");
    let notify = Notify::of(&env(&[("NOTIFY_SOCKET", &path.to_string_lossy())])).expect("a way");
    notify.ready("running\nin \u{1b}[31mred");
    assert_eq!(heard(&socket), "READY=1\nSTATUS=running in  [31mred");
    notify.reloading();
    let words = heard(&socket);
    let us = words.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").and_then(|rest| rest.split('\n').next());
    assert!(us.is_some_and(|us| us.parse::<u64>().is_ok_and(|us| us > 0)), "{words}");
    notify.stopping();
    assert_eq!(heard(&socket), "STOPPING=1\nSTATUS=stopping");
    // Nobody listens any more: that is no reason to stop.
    drop(socket);
    notify.status("still here");
}

#[test]
fn an_abstract_socket_hears_them_too() {
    let name = format!("money-machine-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let socket = UnixDatagram::bind_addr(&address).expect("to bind");
    Notify::of(&env(&[("NOTIFY_SOCKET", &format!("@{name}"))])).expect("a way").status("here");
    assert_eq!(heard(&socket), "STATUS=here");
}

#[test]
fn a_guardian_hears_lines_and_then_the_end() {
    let (ours, mut theirs) = UnixStream::pair().expect("a pair");
    let notify = Notify::guardian(ours);
    notify.ready("running");
    notify.alive();
    drop(notify);
    let mut words = String::new();
    theirs.read_to_string(&mut words).expect("text");
    assert_eq!(words, "READY=1\nSTATUS=running\nWATCHDOG=1\n");
}

#[test]
fn without_an_address_nobody_is_told_and_a_wrong_one_is_a_mistake() {
    Notify::of(&env(&[])).expect("nobody").ready("running");
    for wrong in ["relative/path", "vsock:2:1234"] {
        assert!(
            matches!(Notify::of(&env(&[("NOTIFY_SOCKET", wrong)])), Err(NotifyError::Address(_))),
            "{wrong}"
        );
    }
}

#[test]
fn the_watchdog_is_for_the_process_it_names() {
    let limit = |vars: &[(&str, &str)]| watchdog(&env(vars), 7);
    assert_eq!(limit(&[]), None);
    assert_eq!(limit(&[("WATCHDOG_USEC", "30000000")]), Some(Duration::from_secs(30)));
    assert_eq!(limit(&[("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", "7")]), Some(Duration::from_secs(30)));
    assert_eq!(limit(&[("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", "8")]), None);
    assert_eq!(limit(&[("WATCHDOG_USEC", "0")]), None);
    assert_eq!(limit(&[("WATCHDOG_USEC", "soon")]), None);
}

#[test]
fn it_is_fed_only_while_nobody_stalls() {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    theirs.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let (look, looks) = mpsc::channel::<Option<String>>();
    // Each look waits for what the test says.
    let feeder = Feeder::start(Notify::guardian(ours), Duration::ZERO, move || {
        looks.recv_timeout(PATIENCE).unwrap_or(Some("the test is over".to_owned()))
    });
    let feeder = feeder.expect("a thread");
    let stalls = || Some("kernel/gateway does not yield".to_owned());
    for said in [None, stalls(), stalls(), None, None] {
        look.send(said).expect("it looks");
    }
    drop(look);
    let mut lines = io::BufRead::lines(io::BufReader::new(theirs));
    let heard: Vec<String> = lines.by_ref().take(6).map(|line| line.expect("text")).collect();
    assert_eq!(
        heard,
        [
            "WATCHDOG=1",
            "STATUS=no progress: kernel/gateway does not yield",
            "WATCHDOG=1",
            "STATUS=running; it had stalled and goes on",
            "WATCHDOG=1",
            "STATUS=no progress: the test is over",
        ]
    );
    drop(feeder);
}
