//! The listener, asked over a real loopback connection by hand-written requests.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::faults::Fault;
use super::super::practice::PRACTICE_URL;
use super::super::world::{Feed, World};
use super::*;

const NOW_MS: i64 = 1_784_720_133_000;

async fn start() -> (Arc<Sandbox>, Listening) {
    let sandbox = Arc::new(Sandbox::of_world(World::small(1)));
    let listening = serve(sandbox.clone(), Arc::new(|| NOW_MS)).await.expect("a port");
    assert!(listening.addr.ip().is_loopback());
    (sandbox, listening)
}

fn feed_request(extra: &str) -> String {
    let url = Feed::Federacy.url();
    let rest = url.strip_prefix("https://").expect("https");
    let (host, path) = rest.split_at(rest.find('/').expect("a path"));
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{extra}Connection: close\r\n\r\n")
}

/// Everything up to the end of the connection, and whether it ended in order.
async fn exchange(listening: &Listening, request: &str) -> (Vec<u8>, bool) {
    let mut stream = TcpStream::connect(listening.addr).await.expect("connected");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut all = Vec::new();
    let ended = stream.read_to_end(&mut all).await.is_ok();
    (all, ended)
}

fn parts(all: &[u8]) -> (String, &[u8]) {
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    (String::from_utf8_lossy(&all[..end]).to_ascii_lowercase(), &all[end + 4..])
}

#[tokio::test]
async fn a_feed_comes_over_the_wire_as_it_does_in_process() {
    let (sandbox, listening) = start().await;
    let (all, _) = exchange(&listening, &feed_request("")).await;
    let (head, body) = parts(&all);
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("date: wed, 22 jul 2026 11:35:33 gmt"), "{head}");
    let inside = sandbox.answer(super::super::message::Request::get(&Feed::Federacy.url()), NOW_MS);
    let tag = inside.header("etag").expect("a tag").to_owned();
    assert!(head.contains(&format!("etag: {tag}")));
    assert_eq!(body, inside.body.read(usize::MAX).expect("whole"));
    let (all, _) = exchange(&listening, &feed_request(&format!("If-None-Match: {tag}\r\n"))).await;
    assert!(parts(&all).0.starts_with("http/1.1 304"));
    assert_eq!(sandbox.received()[0].url, Feed::Federacy.url());
    listening.stop().await;
}

#[tokio::test]
async fn the_logical_host_may_be_forwarded_and_a_body_arrives() {
    let (sandbox, listening) = start().await;
    let request = "POST /v1/posts HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-Host: Practice.example:443\r\n\
                   Content-Length: 5\r\nConnection: close\r\n\r\nhello";
    let (all, _) = exchange(&listening, request).await;
    assert!(parts(&all).0.starts_with("http/1.1 201"));
    let received = sandbox.received();
    assert_eq!((received[0].url.as_str(), received[0].body_bytes), (PRACTICE_URL, 5));
    listening.stop().await;
}

#[tokio::test]
async fn a_broken_connection_is_broken_for_real() {
    let (sandbox, listening) = start().await;
    sandbox.set_fault("federacy", Fault::Reset { after_bytes: 50 });
    let (all, _) = exchange(&listening, &feed_request("")).await;
    let (head, body) = parts(&all);
    assert!(head.contains("content-length: ") && body.len() == 50, "{head}");
    sandbox.set_fault("federacy", Fault::AnswerLost);
    let (all, ended) = exchange(&listening, &feed_request("")).await;
    assert!(all.is_empty() && !ended, "{}", String::from_utf8_lossy(&all));
    assert_eq!(sandbox.received_total(), 2);
    sandbox.clear_faults();
    assert!(exchange(&listening, &feed_request("")).await.1);
    listening.stop().await;
}

#[tokio::test]
async fn an_endless_feed_goes_on_until_the_asker_has_had_enough() {
    let (sandbox, listening) = start().await;
    sandbox.set_fault("federacy", Fault::Endless);
    let mut stream = TcpStream::connect(listening.addr).await.expect("connected");
    stream.write_all(feed_request("").as_bytes()).await.expect("sent");
    let mut left = 3 * 1024 * 1024;
    let mut buffer = vec![0; 64 * 1024];
    while left > 0_usize {
        let read = stream.read(&mut buffer).await.expect("more");
        assert!(read > 0, "it ended");
        left = left.saturating_sub(read);
    }
    // With an endless answer still under way, stopping does not take for ever.
    listening.stop().await;
}

#[tokio::test]
async fn a_slow_body_and_a_late_head_arrive_whole() {
    let (sandbox, listening) = start().await;
    let (whole, _) = exchange(&listening, &feed_request("")).await;
    let pause = Duration::from_millis(1);
    sandbox.set_fault("federacy", Fault::Slow { piece_bytes: 2_000, pause });
    let (all, ended) = exchange(&listening, &feed_request("")).await;
    let (head, body) = parts(&all);
    assert!(ended && head.contains("transfer-encoding: chunked"), "{head}");
    assert!(body.len() > parts(&whole).1.len());
    sandbox.set_fault("federacy", Fault::Stall { wait: pause });
    let (all, _) = exchange(&listening, &feed_request("")).await;
    assert_eq!(parts(&all).1, parts(&whole).1);
    listening.stop().await;
}

#[tokio::test]
async fn after_stopping_nobody_answers() {
    let (_sandbox, listening) = start().await;
    let addr = listening.addr;
    listening.stop().await;
    assert!(TcpStream::connect(addr).await.is_err());
}
