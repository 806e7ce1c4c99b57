//! The real binary as a process, looked at from outside: its socket, its output and `/proc`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// The binary as it was built for this bench.
pub const BINARY: &str = env!("CARGO_BIN_EXE_money-machine");
/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running daemon.
pub struct Daemon {
    child: Child,
    socket: PathBuf,
    lines: Receiver<String>,
    spawned: Instant,
}

impl Daemon {
    pub fn spawn(data_dir: &Path, sandbox_port: u16) -> Self {
        let port = sandbox_port.to_string();
        let spawned = Instant::now();
        let mut child = Command::new(BINARY)
            .args(["run", "--sandbox", "--sandbox-port", &port, "--data-dir"])
            .arg(data_dir)
            .env_clear()
            .env("HOME", data_dir)
            .current_dir(data_dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (line, lines) = mpsc::channel();
        std::thread::spawn(move || {
            // It is read to its end also when nobody listens any more, so that the daemon never waits.
            stdout.lines().map_while(Result::ok).for_each(|text| drop(line.send(text)));
        });
        Self { child, socket: data_dir.join("admin.sock"), lines, spawned }
    }

    /// Asks until the daemon answers; how long after its start that was.
    pub fn ready(&mut self) -> Duration {
        loop {
            if self.status().is_some_and(|answer| answer.starts_with("HTTP/1.1 200")) {
                return self.spawned.elapsed();
            }
            assert!(self.child.try_wait().unwrap().is_none(), "the daemon has ended");
            assert!(self.spawned.elapsed() < PATIENCE, "the daemon does not come up");
            std::thread::sleep(Duration::from_micros(500));
        }
    }

    /// What `status` asks, without another process in between.
    pub fn status(&self) -> Option<String> {
        let mut stream = UnixStream::connect(&self.socket).ok()?;
        stream.write_all(b"GET /status HTTP/1.1\r\nhost: money-machine\r\nconnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// Waits for the sentence that tells the end of the first run.
    pub fn first_run(&self) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("the first run ends");
            if line.starts_with("bug-bounty: run ") {
                return line;
            }
        }
    }

    /// Resident memory in MiB, and its high-water mark.
    pub fn memory_mib(&self) -> (f64, f64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        (field(&status, "VmRSS:") / 1024.0, field(&status, "VmHWM:") / 1024.0)
    }

    /// Voluntary context switches of each thread so far, by its number and name.
    pub fn switches(&self) -> BTreeMap<String, f64> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let read = |entry: std::fs::DirEntry| {
            let status = std::fs::read_to_string(entry.path().join("status")).ok()?;
            let name = status.lines().next()?.trim_start_matches("Name:").trim().to_owned();
            let task = entry.file_name().into_string().ok()?;
            Some((format!("{task} {name}"), field(&status, "voluntary_ctxt_switches:")))
        };
        tasks.filter_map(|entry| read(entry.ok()?)).collect()
    }

    /// Asks it to stop, and waits for its end.
    pub fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success(), "an ordered stop");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It has ended, or the bench is failing.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A number in a `/proc` status file.
fn field(status: &str, name: &str) -> f64 {
    let line = status.lines().find(|line| line.starts_with(name)).expect("the kernel tells it");
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
