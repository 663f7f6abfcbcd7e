//! The network process's end of the socket to the keeper.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use crate::daemon::order::Control;
use crate::keeper::{Hands, Kind};

/// Messages either way that wait to be dealt with.
const WAITING_MAX: usize = 32;

/// What the keeper says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Told {
    /// Accept no more; end within this time, or when the sessions have ended.
    Finish(Option<Duration>),
}

/// Serves the socket on the current runtime: new hands join `hands`, wishes go to the keeper.
///
/// Returns where messages to the keeper go and where its others come from; these end with the keeper.
pub(super) fn start(
    socket: OwnedFd,
    hands: Arc<Hands>,
    mut wishes: mpsc::Receiver<Kind>,
) -> io::Result<(mpsc::Sender<Control>, mpsc::Receiver<Told>)> {
    let socket = std::os::unix::net::UnixStream::from(socket);
    socket.set_nonblocking(true)?;
    let socket = UnixStream::from_std(socket)?;
    let (to_keeper, mut outgoing) = mpsc::channel::<Control>(WAITING_MAX);
    let (told, messages) = mpsc::channel(WAITING_MAX);
    let wishing = to_keeper.clone();
    tokio::spawn(async move {
        while let Some(kind) = wishes.recv().await {
            if wishing.send(Control::Wish { kind }).await.is_err() {
                return;
            }
        }
    });
    tokio::spawn(async move {
        loop {
            tokio::select! {
                received = receive(&socket) => match received {
                    Ok(Some((Control::Hand { kind }, mut descriptors))) => {
                        if let Some(descriptor) = descriptors.pop() {
                            // A socket that cannot be served is a hand that is never asked.
                            let _ = hands.attach(kind, descriptor);
                        }
                    }
                    Ok(Some((Control::Finish { within_secs }, _))) => {
                        let limit = (within_secs > 0).then(|| Duration::from_secs(within_secs.into()));
                        let _ = told.send(Told::Finish(limit)).await;
                    }
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => return,
                },
                Some(message) = outgoing.recv() => {
                    if send(&socket, &message).await.is_err() {
                        return;
                    }
                }
            }
        }
    });
    Ok((to_keeper, messages))
}

async fn receive(socket: &UnixStream) -> io::Result<Option<(Control, Vec<OwnedFd>)>> {
    loop {
        socket.readable().await?;
        match socket.try_io(Interest::READABLE, || Control::receive(socket.as_fd())) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other,
        }
    }
}

async fn send(socket: &UnixStream, message: &Control) -> io::Result<()> {
    loop {
        socket.writable().await?;
        match socket.try_io(Interest::WRITABLE, || message.send(socket.as_fd(), &[])) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other,
        }
    }
}
