//! A caller's connection, which ends with the server that took it.
//!
//! A caller that has stopped reading holds its answer back for ever, and with it what the answer holds: a
//! trace, an incarnation of the admin. Once the server is gone every read and write fails.
//!
//! Touches the accepted sockets only.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::sync::watch;

/// One accepted connection.
pub(super) struct Connection {
    stream: UnixStream,
    /// Ready when the server is gone.
    cut: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_cut: bool,
}

impl Connection {
    /// `server` never says anything; the server holds its sender as long as it lives.
    pub(super) fn new(stream: UnixStream, mut server: watch::Receiver<()>) -> Connection {
        let cut = Box::pin(async move { while server.changed().await.is_ok() {} });
        Connection { stream, cut, is_cut: false }
    }

    /// Who is at its other end.
    pub(super) fn peer_cred(&self) -> io::Result<tokio::net::unix::UCred> {
        self.stream.peer_cred()
    }

    /// An error once the server is gone; before, whoever waits here is woken when it goes.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        self.is_cut = self.is_cut || self.cut.as_mut().poll(cx).is_ready();
        if self.is_cut { Err(io::Error::from(io::ErrorKind::ConnectionReset)) } else { Ok(()) }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// One thread: a task that was yielded to has gone on until it waits.
    #[tokio::test]
    async fn whoever_reads_or_writes_is_woken_when_the_server_goes() {
        let (alive, living) = watch::channel(());
        let (ours, _silent) = UnixStream::pair().expect("a pair of sockets");
        let mut stuck = Connection::new(ours, living.clone());
        let writer = tokio::spawn(async move {
            let full = loop {
                if let Err(error) = stuck.write_all(&[0; 1 << 16]).await {
                    break error;
                }
            };
            full.kind()
        });
        let (ours, _silent_too) = UnixStream::pair().expect("a pair of sockets");
        let mut idle = Connection::new(ours, living);
        let reader = tokio::spawn(async move { idle.read_u8().await.map_err(|error| error.kind()) });
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!writer.is_finished() && !reader.is_finished());
        drop(alive);
        assert_eq!(writer.await.expect("it does not panic"), io::ErrorKind::ConnectionReset);
        assert_eq!(reader.await.expect("it does not panic"), Err(io::ErrorKind::ConnectionReset));
    }
}
