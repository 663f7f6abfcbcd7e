//! A message in the hands of a delivery: an entry of the queue, or a draft that may never need to become one.

use crate::mail::envelope::Envelope;
use crate::queue::{Body, Claimed, Draft, QueueError, Unwritten};

/// A message that is being delivered.
pub enum Holding {
    /// It is in the queue, and we hold its lock.
    Queued(Box<Claimed>),
    /// It was not acknowledged yet: what cannot be delivered at once must be committed first.
    Draft {
        /// The entry to be.
        draft: Draft,
        /// The envelope.
        envelope: Box<Envelope>,
        /// The body.
        body: Body,
    },
}

impl Holding {
    /// Returns the envelope.
    pub fn envelope(&self) -> &Envelope {
        match self {
            Self::Queued(claimed) => &claimed.envelope,
            Self::Draft { envelope, .. } => envelope,
        }
    }

    /// Returns the envelope for changing; [`Self::record`] makes changes last.
    pub fn envelope_mut(&mut self) -> &mut Envelope {
        match self {
            Self::Queued(claimed) => &mut claimed.envelope,
            Self::Draft { envelope, .. } => envelope,
        }
    }

    /// Returns the body.
    pub fn body(&self) -> &Body {
        match self {
            Self::Queued(claimed) => claimed.body(),
            Self::Draft { body, .. } => body,
        }
    }

    /// Writes down who still waits, so that nobody is served twice after a crash; a draft has nothing to write yet.
    ///
    /// # Errors
    /// The queue cannot be written.
    pub async fn record(&mut self) -> Result<(), QueueError> {
        match self {
            Self::Queued(claimed) => claimed.save().await,
            Self::Draft { .. } => Ok(()),
        }
    }

    /// Makes what is left of the message durable before anybody is served; none if nobody waits for it.
    ///
    /// # Errors
    /// The queue cannot be written.
    pub async fn keep(self) -> Result<Option<Claimed>, QueueError> {
        if self.envelope().recipients.is_empty() {
            return self.finish().await.map(|()| None).map_err(|unfinished| unfinished.error);
        }
        match self {
            Self::Queued(claimed) => Ok(Some(*claimed)),
            Self::Draft { draft, envelope, .. } => draft.commit(&envelope).await.map(Some),
        }
    }

    /// Ends the work: nobody waits any more, so the message goes; or somebody does, so it is (or becomes) durable.
    ///
    /// # Errors
    /// The queue cannot be written; a message that was in the queue comes back.
    pub async fn finish(self) -> Result<(), Unfinished> {
        let is_done = self.envelope().recipients.is_empty();
        match self {
            Self::Queued(claimed) => Ok(claimed.finish().await?),
            Self::Draft { draft, .. } if is_done => {
                draft.discard().await;
                Ok(())
            }
            Self::Draft { draft, envelope, .. } => {
                draft.commit(&envelope).await.map(drop).map_err(|error| Unfinished { claimed: None, error })
            }
        }
    }
}

/// The work on a message could not be ended as it should.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Unfinished {
    /// The message, if it was in the queue, with the envelope that is to be written.
    pub claimed: Option<Box<Claimed>>,
    /// Why not.
    pub error: QueueError,
}

impl From<Unwritten> for Unfinished {
    fn from(Unwritten { claimed, error }: Unwritten) -> Self {
        Self { claimed: Some(claimed), error }
    }
}
