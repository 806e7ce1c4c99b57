//! A way on which the answers of the first changes are lost: so an outcome is ambiguous, and must be settled. Or one
//! that says of them that nothing was sent: so they are made twice, and that must be noticed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use mm_core::error::TransportFault;
use mm_permit::Cleared;
use mm_services::transport::{RawAnswer, Transport};
use money_machine::machine::Seams;

/// The platform has acted, and nobody is told.
struct LosesAnswers {
    inner: Arc<dyn Transport>,
    lost: AtomicU64,
    /// What is said of them.
    said: TransportFault,
}

#[async_trait]
impl Transport for LosesAnswers {
    async fn exchange(&self, cleared: Cleared) -> Result<RawAnswer, TransportFault> {
        let is_change = cleared.request().method().to_string() == "POST";
        let answer = self.inner.exchange(cleared).await?;
        if is_change && self.lost.fetch_add(1, Ordering::Relaxed) < 2 {
            return Err(self.said);
        }
        Ok(answer)
    }
}

pub fn loses_answers(seams: Seams) -> Seams {
    loses(seams, TransportFault::Reset)
}

/// The platform has acted, and it is said that it was never reached.
pub fn denies_sending(seams: Seams) -> Seams {
    loses(seams, TransportFault::Connect)
}

fn loses(seams: Seams, said: TransportFault) -> Seams {
    let (inner, lost) = (seams.transport.clone(), AtomicU64::new(0));
    Seams { transport: Arc::new(LosesAnswers { inner, lost, said }), ..seams }
}
