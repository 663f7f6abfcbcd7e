//! Servers that mean no good: whatever they say, the mail waits or comes back, and nothing of it gets anywhere unescaped.

use tokio::io::AsyncReadExt;

use super::*;
use crate::deliver::outcome::Verdict;

/// Sends to a server that says `bytes` as soon as it is connected to, and listens to the end.
async fn send_to_talker(bytes: Vec<u8>) -> Outcome {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let bytes = bytes.clone();
            tokio::spawn(async move {
                // A client that has heard enough hangs up.
                if stream.write_all(&bytes).await.is_ok() && stream.shutdown().await.is_ok() {
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                }
            });
        }
    });
    let (client, _dns) = client(settings(), "");
    let message = Message::new(MESSAGE.0, Body::Bytes(MESSAGE.1));
    let report = client.send(b"[127.0.0.1]", port, &job(&mailer("mDFMuXa"), &message, &["a@b"])).await;
    outcomes(&report, 1).remove(0)
}

/// Everything that a friendly server says, up to its good-bye.
fn friendly() -> Vec<String> {
    let replies = ["220 sink ESMTP", EHLO, "250 2.1.0 ok", "250 2.1.5 ok", "354 go", "250 2.0.0 taken", "221 bye"];
    replies.map(|reply| format!("{reply}\r\n")).into()
}

/// Sends to a server that says `reply` in the place of the reply with this number.
async fn instead(place: usize, reply: &[u8]) -> Outcome {
    let mut said: Vec<Vec<u8>> = friendly().into_iter().map(String::into_bytes).collect();
    said[place] = reply.to_vec();
    send_to_talker(said.concat()).await
}

#[tokio::test]
async fn mail_is_taken_only_when_the_last_reply_has_come_whole() {
    let replies = friendly();
    let whole = replies.concat().into_bytes();
    let accepted_at = whole.len() - replies[6].len();
    for cut in 0..=whole.len() {
        let outcome = send_to_talker(whole[..cut].to_vec()).await;
        let expected = if cut < accepted_at { Verdict::Deferred } else { Verdict::Sent };
        assert_eq!(outcome.verdict, expected, "cut after {cut} of {} bytes", whole.len());
    }
}

/// Sends a message that does not fit the sockets' buffers to a server that answers it with `reply` and hangs up unheard.
async fn send_to_hasty(reply: &'static str) -> Verdict {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let said = friendly()[..5].concat() + reply;
            if stream.write_all(said.as_bytes()).await.is_ok() {
                // The client is in the middle of the message.
                let _ = stream.read_exact(&mut [0; 4096]).await;
            }
        }
    });
    let (client, _dns) = client(settings(), "");
    let body = b"body\n".repeat(4 << 20);
    let message = Message::new(MESSAGE.0, Body::Bytes(&body));
    let report = client.send(b"[127.0.0.1]", port, &job(&mailer("mDFMuXa"), &message, &["a@b"])).await;
    outcomes(&report, 1).remove(0).verdict
}

#[tokio::test]
async fn who_hangs_up_in_the_middle_has_not_taken_the_message_whatever_he_says() {
    assert_eq!(send_to_hasty("250 2.0.0 taken\r\n").await, Verdict::Deferred);
    assert_eq!(send_to_hasty("354 go on\r\n").await, Verdict::Deferred);
    assert_eq!(send_to_hasty("452 4.3.1 full\r\n").await, Verdict::Deferred);
    assert_eq!(send_to_hasty("552 5.3.4 too much\r\n").await, Verdict::Failed);
}

#[tokio::test]
async fn replies_without_end_are_not_heard_out() {
    for place in 0..6 {
        for piece in [&b"250-and so on\r\n"[..], b"x", b"no code\r\n"] {
            let outcome = instead(place, &piece.repeat((10 << 20) / piece.len())).await;
            assert_eq!(outcome.verdict, Verdict::Deferred, "{place} {piece:?}");
        }
    }
}

#[tokio::test]
async fn a_reply_with_two_codes_says_nothing() {
    for place in 0..6 {
        for reply in ["250-yes\r\n550 no\r\n", "550-no\r\n250 yes\r\n", "999 what\r\n", "100 well\r\n", "000 \r\n"] {
            assert_eq!(instead(place, reply.as_bytes()).await.verdict, Verdict::Deferred, "{place} {reply:?}");
        }
    }
}

#[tokio::test]
async fn nothing_of_a_reply_gets_into_the_log_unescaped() {
    let text = b"a\x01\x1b[2J\tb\x7f\xe9\0c\rQUIT";
    let escaped = "a\\001\\033[2J\\tb\\177\\351\\000c\\rQUIT";
    let reply = |code: &str| [code.as_bytes(), b" ", text, b"\r\n"].concat();
    let refused = instead(3, &reply("550 5.1.1")).await;
    assert_eq!(refused.reply.expect("a reply"), format!("550 5.1.1 {escaped}"));
    let deferred = instead(3, &reply("451 4.2.1")).await;
    assert_eq!(deferred.stat, format!("Deferred: 451 4.2.1 {escaped}"));
    let sent = instead(5, &reply("250 2.0.0")).await;
    assert_eq!(sent.stat, format!("Sent ({escaped})"));
}

#[tokio::test]
async fn what_comes_after_the_good_bye_is_nobodys() {
    let mut said = friendly().concat().into_bytes();
    said.extend(b"550 5.7.1 changed my mind\r\n".repeat(10_000));
    assert_eq!(send_to_talker(said).await.verdict, Verdict::Sent);
}
