//! What a guardian tells the one that started it: of its daemon's words, those that are true of both.
//!
//! For a service manager the guardian is the service. It is up once, it stops when it is told to, and a
//! daemon that ends and is started again meanwhile is a line of status.

use crate::notify::Notify;

/// The way to whoever started the guardian.
pub struct Above {
    notify: Notify,
    /// It was said that the service is up.
    ready: bool,
    /// It was said that a configuration is being read; that is over when a daemon is up again.
    reloading: bool,
    stopping: bool,
}

impl Above {
    pub fn new(notify: Notify) -> Above {
        Above { notify, ready: false, reloading: false, stopping: false }
    }

    /// Passes on what the daemon says, a line at a time, if it is so of the guardian too.
    pub fn hear(&mut self, line: &str) {
        match line {
            "READY=1" if !self.ready || self.reloading => {
                (self.ready, self.reloading) = (true, false);
                self.notify.pass_on(line);
            }
            // A manager wants both in one datagram (`sd_notify(3)`); the daemon says them in this order.
            line if line.starts_with("MONOTONIC_USEC=") => {
                self.reloading = true;
                self.notify.pass_on(&format!("RELOADING=1\n{line}"));
            }
            line if line.starts_with("STATUS=") => self.notify.pass_on(line),
            // The daemon's own progress and its end are the guardian's to judge.
            _ => {}
        }
    }

    /// Says what the guardian does.
    pub fn status(&self, sentence: &str) {
        self.notify.status(sentence);
    }

    /// Says that it stops, once.
    pub fn stopping(&mut self) {
        if !std::mem::replace(&mut self.stopping, true) {
            self.notify.stopping();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;
    use crate::config::Env;

    fn heard(lines: &[&str], stops: bool) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let ear = UnixDatagram::bind(&path).unwrap();
        ear.set_nonblocking(true).unwrap();
        let name = path.to_str().unwrap().to_owned();
        let mut above = Above::new(Notify::of(&Env::new([("NOTIFY_SOCKET".to_owned(), name)])).unwrap());
        lines.iter().for_each(|line| above.hear(line));
        if stops {
            above.stopping();
            above.stopping();
        }
        let (mut buffer, mut heard) = ([0; 1000], Vec::new());
        while let Ok(length) = ear.recv(&mut buffer) {
            heard.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
        }
        heard
    }

    #[test]
    fn a_daemon_that_ends_and_comes_up_again_is_status_alone() {
        let lives = ["READY=1", "STATUS=a", "WATCHDOG=1", "STOPPING=1", "STATUS=b", "READY=1", "STATUS=c"];
        assert_eq!(heard(&lives, false), ["READY=1", "STATUS=a", "STATUS=b", "STATUS=c"]);
        assert_eq!(heard(&[], true), ["STOPPING=1\nSTATUS=stopping"]);
    }

    #[test]
    fn a_reload_is_one_datagram_and_over_when_a_daemon_is_up() {
        let reload = ["READY=1", "RELOADING=1", "MONOTONIC_USEC=7", "READY=1", "READY=1"];
        assert_eq!(heard(&reload, false), ["READY=1", "RELOADING=1\nMONOTONIC_USEC=7", "READY=1"]);
    }
}
