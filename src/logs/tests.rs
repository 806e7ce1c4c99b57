use super::*;
use expect_test::expect;

/// What was written, kept.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn plan(format: Format) -> Plan {
    Plan {
        format,
        level: Level::Info,
        levels: BTreeMap::from([("ractor".to_owned(), Level::Warn)]),
        file: None,
        colour: false,
        now: Arc::new(|| DateTime::UNIX_EPOCH),
    }
}

fn written(plan: &Plan, say: impl FnOnce(&Logs)) -> String {
    let paper = Paper::default();
    let (dispatch, logs) = build(plan, Box::new(paper.clone())).unwrap();
    tracing::dispatcher::with_default(&dispatch, || say(&logs));
    paper.text()
}

fn say_it_all(_: &Logs) {
    tracing::info!(target: "mm::one", strategy = "bug-bounty", targets = 3, "run ended");
    tracing::debug!(target: "mm::one", "not at this level");
    tracing::info!(target: "ractor::actor", "chatter");
    tracing::warn!(target: "ractor::actor", "worth a look");
    tracing::error!(target: "mm::two", header = "Authorization: Bearer CANARY", url = "https://x.example/a?key=CANARY", "sent token=CANARY");
    tracing::info!(target: "mm::two", "first\n1970-01-01T00:00:00.000Z ERROR mm::two: forged");
    let span = tracing::info_span!(target: "mm::two", "run", password = "CANARY", id = 7);
    span.in_scope(|| tracing::info!(target: "mm::two", access_token = "CANARY", "in a span"));
}

#[test]
fn as_text() {
    let text = written(&plan(Format::Text), say_it_all);
    assert!(!text.contains("CANARY"), "{text}");
    expect![[r#"
        1970-01-01T00:00:00.000Z  INFO mm::one: run ended strategy="bug-bounty" targets=3
        1970-01-01T00:00:00.000Z  WARN ractor::actor: worth a look
        1970-01-01T00:00:00.000Z ERROR mm::two: sent token=[masked] header="Authorization: [masked]" url="https://x.example/a?[masked]"
        1970-01-01T00:00:00.000Z  INFO mm::two: first\n1970-01-01T00:00:00.000Z ERROR mm::two: forged
        1970-01-01T00:00:00.000Z  INFO run{password="[masked]" id=7}: mm::two: in a span access_token="[masked]"
    "#]].assert_eq(&text);
}

#[test]
fn as_json_every_line_is_an_object() {
    let text = written(&plan(Format::Json), say_it_all);
    assert!(!text.contains("CANARY"), "{text}");
    for line in text.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    expect![[r#"
        {"timestamp":"1970-01-01T00:00:00.000Z","level":"INFO","message":"run ended","strategy":"bug-bounty","targets":3,"target":"mm::one"}
        {"timestamp":"1970-01-01T00:00:00.000Z","level":"WARN","message":"worth a look","target":"ractor::actor"}
        {"timestamp":"1970-01-01T00:00:00.000Z","level":"ERROR","message":"sent token=[masked]","header":"Authorization: [masked]","url":"https://x.example/a?[masked]","target":"mm::two"}
        {"timestamp":"1970-01-01T00:00:00.000Z","level":"INFO","message":"first\n1970-01-01T00:00:00.000Z ERROR mm::two: forged","target":"mm::two"}
        {"timestamp":"1970-01-01T00:00:00.000Z","level":"INFO","message":"in a span","access_token":"[masked]","target":"mm::two","span":{"id":7,"password":"[masked]","name":"run"}}
    "#]].assert_eq(&text);
}

#[test]
fn colours_do_not_open_the_net() {
    let text = written(&Plan { colour: true, ..plan(Format::Text) }, say_it_all);
    assert!(text.contains("\u{1b}[") && !text.contains("CANARY"), "{text}");
}

#[test]
fn a_level_can_be_changed_while_running() {
    let text = written(&plan(Format::Text), |logs| {
        tracing::debug!(target: "mm::limit", "1 before");
        logs.set_level(Some("mm::limit"), Level::Debug).unwrap();
        tracing::debug!(target: "mm::limit", "2 this module");
        tracing::debug!(target: "mm::other", "3 another");
        logs.set_level(None, Level::Off).unwrap();
        tracing::error!(target: "mm::other", "4 everything else is off");
        tracing::debug!(target: "mm::limit", "5 still on");
        assert!(logs.set_level(Some("no module"), Level::Debug).is_err());
        assert_eq!(logs.levels().0, Level::Off);
    });
    expect![[r#"
        1970-01-01T00:00:00.000Z DEBUG mm::limit: 2 this module
        1970-01-01T00:00:00.000Z DEBUG mm::limit: 5 still on
    "#]]
    .assert_eq(&text);
}

#[test]
fn the_file_gets_what_stderr_gets_and_is_put_aside() {
    let dir = tempfile::tempdir().unwrap();
    let rotation = Rotation { max_bytes: 4096, keep: 2 };
    let file = Some((dir.path().join("logs"), rotation));
    let text = written(&Plan { file, ..plan(Format::Json) }, |_| {
        for number in 0..100 {
            tracing::info!(number, "a line of the log that is long enough to matter");
        }
    });
    let read = |name: &str| std::fs::read_to_string(dir.path().join("logs").join(name)).unwrap();
    let kept = read("money-machine.log.2") + &read("money-machine.log.1") + &read("money-machine.log");
    assert_eq!(text.lines().count(), 100);
    assert!(text.ends_with(&kept) && kept.lines().count() > 40, "{kept}");
}

#[test]
fn a_place_that_cannot_be_written_is_told_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let occupied = dir.path().join("logs");
    std::fs::write(&occupied, "a file").unwrap();
    let file = Some((occupied.clone(), Rotation { max_bytes: 4096, keep: 1 }));
    let Err(error) = build(&Plan { file, ..plan(Format::Text) }, Box::new(io::sink())) else {
        panic!("it opened")
    };
    let text = error.to_string().replace(&*occupied.to_string_lossy(), "LOGS");
    expect!["could not open a log file in `LOGS`; make it writable or set logging.file = false"]
        .assert_eq(&text);
}
