//! A way on which the answers of the first changes are lost: so an outcome is ambiguous, and must be settled.

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
}

#[async_trait]
impl Transport for LosesAnswers {
    async fn exchange(&self, cleared: Cleared) -> Result<RawAnswer, TransportFault> {
        let is_change = cleared.request().method().to_string() == "POST";
        let answer = self.inner.exchange(cleared).await?;
        if is_change && self.lost.fetch_add(1, Ordering::Relaxed) < 2 {
            return Err(TransportFault::Reset);
        }
        Ok(answer)
    }
}

pub fn loses_answers(seams: Seams) -> Seams {
    Seams {
        transport: Arc::new(LosesAnswers { inner: seams.transport.clone(), lost: AtomicU64::new(0) }),
        ..seams
    }
}
