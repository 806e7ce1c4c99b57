//! The transports against servers that mean no good, over real sockets on this machine.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mm_core::action::{Action, Request};
use mm_core::id::{ActionId, Epoch};
use mm_core::rule::{Inputs, RuleSet};
use mm_core::url::LogicalUrl;
use mm_permit::{Mint, Now, Terms};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const PACK: &str = include_str!("../../../../config/rules/bounty-targets-data.toml");
const URL: &str =
    "https://raw.githubusercontent.com/arkadiyt/bounty-targets-data/main/data/federacy_data.json";
const LIMIT: u64 = 100_000;

/// A read that was cleared as every other is, of an answer of at most [`LIMIT`] bytes.
fn cleared() -> Cleared {
    let now = Now { wall: Moment::from_unix_ms(1_784_700_000_000), mono: Duration::ZERO };
    let request = Request::get(LogicalUrl::parse(URL).unwrap());
    let action = Action {
        answer_bytes_max: LIMIT,
        ..Action::read("bounty-targets-data".parse().unwrap(), request, "test")
    };
    let rules = RuleSet::parse(&[("bounty-targets-data.toml".into(), PACK.into())]).unwrap();
    let judgement = Inputs::of(&rules, &action, Some("DE"), now.wall, true).judge(&rules);
    let id = ActionId::new("1-1.read");
    let terms = Terms {
        action: &action,
        id: &id,
        request: &action.request,
        breaker_generation: 1,
        approval: None,
        now,
    };
    let mut permit = Mint::new(Epoch(1)).mint(&judgement, terms).unwrap();
    permit.clear(action.request.clone(), Vec::new(), now).unwrap()
}

/// One exchange with a server that says `speak` to whoever has sent a whole request.
async fn exchange_with<F, S>(speak: F) -> Result<RawAnswer, TransportFault>
where
    F: FnOnce(TcpStream, String) -> S + Send + 'static,
    S: Future<Output = io::Result<()>> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let transport = Loopback::to(listener.local_addr().unwrap().port()).unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        speak(stream, String::from_utf8_lossy(&head).into_owned()).await
    });
    let result = transport.exchange(cleared()).await;
    server.abort();
    result
}

/// One exchange with a server that says these bytes and hangs up.
async fn exchange(said: Vec<u8>) -> Result<RawAnswer, TransportFault> {
    exchange_with(|mut stream, _| async move {
        stream.write_all(&said).await?;
        stream.shutdown().await
    })
    .await
}

fn answer(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A gzip stream of so many zeros: stored blocks would not be a bomb, so this is packed by hand. Each
/// of its fixed-Huffman blocks repeats the byte before it 258 times over and over.
fn gzip_of_zeros(bytes: usize) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(1, 1); // the last block
    bits.put(1, 2); // fixed codes
    bits.code(0b0011_0000, 8); // a zero
    for _ in 0..bytes.saturating_sub(1) / 258 {
        bits.code(0b1100_0101, 8); // length 258
        bits.code(0, 5); // distance 1
    }
    bits.code(0, 7); // the end
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    [&head[..], &bits.done(), &[0; 8]].concat()
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    filled: u32,
}

impl Bits {
    fn bit(&mut self, bit: u32) {
        if self.filled.is_multiple_of(8) {
            self.bytes.push(0);
        }
        *self.bytes.last_mut().unwrap() |= u8::try_from(bit).unwrap() << (self.filled % 8);
        self.filled += 1;
    }
    fn put(&mut self, value: u32, count: u32) {
        (0..count).for_each(|n| self.bit(value >> n & 1));
    }
    /// A Huffman code stands with its first bit first.
    fn code(&mut self, value: u32, count: u32) {
        (0..count).rev().for_each(|n| self.bit(value >> n & 1));
    }
    fn done(self) -> Vec<u8> {
        self.bytes
    }
}

#[tokio::test]
async fn what_unpacks_to_more_than_it_may_stops_at_the_limit() {
    let bomb = gzip_of_zeros(64 << 20);
    assert!(bomb.len() < 600_000, "{}", bomb.len());
    let result = exchange(answer("content-encoding: gzip\r\n", &bomb[..90_000])).await;
    assert_eq!(result, Err(TransportFault::TooLarge { max_bytes: LIMIT }));
    // Announced as longer than allowed: not one byte of the body is read.
    let result = exchange(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_vec()).await;
    assert_eq!(result, Err(TransportFault::TooLarge { max_bytes: LIMIT }));
}

#[tokio::test]
async fn only_gzip_is_offered_and_what_is_packed_otherwise_or_twice_is_not_read() {
    let offered =
        exchange_with(|mut stream, head| async move { stream.write_all(&answer("", head.as_bytes())).await });
    let head = String::from_utf8(offered.await.unwrap().body).unwrap().to_lowercase();
    assert!(head.contains("accept-encoding: gzip\r\n"), "{head}");
    for packed in ["br", "deflate", "zstd", "gzip, gzip", "gzip, br", "x-own"] {
        let result = exchange(answer(&format!("content-encoding: {packed}\r\n"), b"abc")).await;
        assert_eq!(result, Err(TransportFault::BadEncoding), "{packed}");
    }
    let result = exchange(answer("content-encoding: gzip\r\n", b"no gzip at all")).await;
    assert_eq!(result, Err(TransportFault::BadEncoding));
    assert_eq!(exchange(answer("content-encoding: identity\r\n", b"abc")).await.unwrap().body, b"abc");
}

#[tokio::test]
async fn an_endless_answer_stops_at_the_limit() {
    for chunked in [true, false] {
        let result = exchange_with(move |mut stream, _| async move {
            let (head, piece) = if chunked {
                ("transfer-encoding: chunked\r\n", format!("1000\r\n{}\r\n", "x".repeat(0x1000)))
            } else {
                ("connection: close\r\n", "x".repeat(0x1000))
            };
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n").as_bytes()).await?;
            loop {
                stream.write_all(piece.as_bytes()).await?;
            }
        })
        .await;
        assert_eq!(result, Err(TransportFault::TooLarge { max_bytes: LIMIT }), "chunked: {chunked}");
    }
}

#[tokio::test]
async fn endless_headers_and_too_many_of_them_are_a_fault() {
    let long = format!("HTTP/1.1 200 OK\r\nx-long: {}\r\ncontent-length: 0\r\n\r\n", "x".repeat(70_000));
    assert_eq!(exchange(long.into_bytes()).await, Err(TransportFault::TooLarge { max_bytes: 64 << 10 }));
    let many: String = (0..5_000).map(|n| format!("x-{n}: y\r\n")).collect();
    assert!(exchange(format!("HTTP/1.1 200 OK\r\n{many}\r\n").into_bytes()).await.is_err());
    let endless = exchange_with(|mut stream, _| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
        loop {
            stream.write_all(b"x-more: and more and more\r\n").await?;
        }
    });
    assert!(endless.await.is_err());
}

#[tokio::test]
async fn an_answer_that_is_cut_off_or_is_no_http_is_a_fault() {
    for said in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"",
    ] {
        assert!(exchange(said.to_vec()).await.is_err(), "{said:?}");
    }
}

/// Time is the runtime's own here and runs while nothing else can: a server that keeps sending a byte
/// before the limit of silence is cut off at the limit of the whole.
#[tokio::test(start_paused = true)]
async fn a_slow_drip_ends_at_the_limit_of_the_whole_and_silence_before() {
    for (pause, at_most) in [(10, TOTAL_TIMEOUT), (3_600, READ_TIMEOUT)] {
        let began = tokio::time::Instant::now();
        let result = exchange_with(move |mut stream, _| async move {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 90000\r\n\r\n").await?;
            loop {
                stream.write_all(b"x").await?;
                tokio::time::sleep(Duration::from_secs(pause)).await;
            }
        })
        .await;
        assert_eq!(result, Err(TransportFault::Timeout));
        assert!(began.elapsed() <= at_most + Duration::from_secs(1), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let said = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(exchange(said.to_vec()).await.unwrap().status, 302);
}

struct Leads(&'static [&'static str]);

#[async_trait]
impl Lookup for Leads {
    async fn addresses(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        if self.0.is_empty() {
            return Err(io::Error::other("no such name"));
        }
        Ok(self.0.iter().map(|text| text.parse().unwrap()).collect())
    }
}

#[tokio::test]
async fn the_live_transport_dials_no_name_that_leads_home() {
    for (leads, fault) in [
        (&["127.0.0.1"][..], TransportFault::ForbiddenAddress),
        (&["::1"], TransportFault::ForbiddenAddress),
        (&["10.1.2.3", "192.168.0.1"], TransportFault::ForbiddenAddress),
        (&["1.1.1.1", "127.0.0.1"], TransportFault::ForbiddenAddress),
        (&["169.254.169.254"], TransportFault::ForbiddenAddress),
        (&["64:ff9b::7f00:1"], TransportFault::ForbiddenAddress),
        (&["::ffff:127.0.0.1"], TransportFault::ForbiddenAddress),
        (&["2002:7f00:1::"], TransportFault::ForbiddenAddress),
        (&[], TransportFault::Dns),
    ] {
        let transport = Https::resolving(Arc::new(Leads(leads)));
        assert_eq!(transport.exchange(cleared()).await, Err(fault), "{leads:?}");
        assert!(!fault.may_have_arrived());
    }
}

/// One crypto library: what would bring another in has no place in the lock file.
#[test]
fn tls_is_on_ring_and_nothing_else() {
    let lock = include_str!("../../../../Cargo.lock");
    for other in ["aws-lc-rs", "aws-lc-sys", "openssl-sys", "native-tls"] {
        assert!(!lock.contains(&format!("name = \"{other}\"")), "{other}");
    }
    assert!(lock.contains("name = \"ring\""));
}
