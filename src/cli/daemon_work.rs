//! What the network process of a daemon does: sessions and deliveries, put together from the floors below.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::daemon::programs::{Attempted, Connection, Surroundings, Task, Work};
use crate::queue::schedule::Facts;

/// Makes the work of a network process.
pub(super) fn open(surroundings: Surroundings) -> Task<Result<Work, String>> {
    Box::pin(async move {
        let ending = surroundings.ending;
        let session = move |connection: Connection| -> Task<()> {
            let mut ending = ending.clone();
            Box::pin(async move {
                let mut stream = connection.stream;
                if stream.write_all(b"220 localhost ESMTP\r\n").await.is_err() {
                    return;
                }
                let mut room = [0; 512];
                loop {
                    tokio::select! {
                        read = stream.read(&mut room) => match read {
                            Ok(1..) if !room.starts_with(b"QUIT") => {}
                            _ => return,
                        },
                        _ = ending.wait_for(|ending| *ending) => break,
                    }
                }
                // A client that is gone needs not be told.
                let _ = stream.write_all(b"421 4.3.2 localhost shutting down\r\n").await;
            })
        };
        let attempt = |claimed: crate::queue::Claimed| -> Task<Attempted> {
            Box::pin(async move { Attempted::Waits(Facts::of(&claimed.envelope)) })
        };
        Ok(Work { session: Arc::new(session), attempt: Arc::new(attempt) })
    })
}
