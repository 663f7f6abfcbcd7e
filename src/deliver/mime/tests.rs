//! Every expected text here was sent by the original to a server without 8BITMIME.

use std::time::Duration;

use proptest::prelude::*;

use super::super::message::{Format, write};
use super::*;

const NOTE: &str = "X-MIME-Autoconverted: from 8bit to";

fn rules() -> MimeRules {
    MimeRules {
        has_eight_bit: true,
        mode: EightBitMode::Pass,
        default_charset: "unknown-8bit".into(),
        own_name: "hoge.foo.jp".into(),
        queue_id: "ID".into(),
        encode_more: false,
    }
}

fn format() -> Format {
    Format {
        end_of_line: "\n".into(),
        line_bytes_max: None,
        stuff_dots: false,
        escape_from: false,
        seven_bit: false,
        seven_bit_header: false,
        strip_nul: false,
        blank_end: false,
    }
}

async fn written(message: &Message<'_>) -> String {
    let mut out = Vec::new();
    write(message, &format(), &mut out, Duration::ZERO).await.expect("memory");
    String::from_utf8_lossy(&out).into_owned()
}

/// Converts a whole message; `@` in `expected` stands for the note's line.
async fn check(text: &str, expected: &str) {
    let (header, body) = text.split_once("\n\n").expect("a blank line");
    let header = format!("{header}\n");
    let message = Message::new(header.as_bytes(), Body::Bytes(body.as_bytes()));
    let converted = to_seven_bit(&message, &rules()).expect("memory");
    let sent = written(&converted.message(&message)).await;
    let sent: String = sent
        .lines()
        .map(|line| {
            line.strip_prefix(NOTE).map_or_else(
                || format!("{line}\n"),
                |rest| format!("@{}\n", rest.split(' ').nth(1).unwrap_or_default()),
            )
        })
        .collect();
    assert_eq!(sent, expected, "{text}");
}

const V: &str = "MIME-Version: 1.0\n";

#[tokio::test]
async fn unlabelled_text_gets_a_label() {
    check(
        "Subject: x\n\nhello é\n",
        &format!("Subject: x\n{V}Content-Type: text/plain; charset=unknown-8bit\nContent-Transfer-Encoding: base64\n@base64\n\naGVsbG8gw6kNCg==\n"),
    )
    .await;
    check(
        "Content-Type: text/plain; charset=utf-8\n\nno version é\n",
        &format!("Content-Type: text/plain; charset=utf-8\n{V}Content-Transfer-Encoding: base64\n@base64\n\nbm8gdmVyc2lvbiDDqQ0K\n"),
    )
    .await;
}

#[tokio::test]
async fn few_high_bytes_make_quoted_printable() {
    let head = format!("{V}Content-Type: text/plain\n");
    check(
        &format!("{head}\nFrom x é\n.\n..x\nend=\ntrail \t\n"),
        &format!("{head}Content-Transfer-Encoding: quoted-printable\n@quoted-printable\n\nFrom x =C3=A9\n=2E\n..x\nend=3D\ntrail =09\n"),
    )
    .await;
}

#[tokio::test]
async fn parts_are_encoded_one_by_one() {
    check(
        &format!(
            "{V}Content-Type: multipart/mixed; boundary=\"BB\"\nContent-Transfer-Encoding: 8bit\n\npre é\n--BB\nContent-Type: text/plain; charset=utf-8\n\nplain ascii\n--BB\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nhello é\n--BB--\nepi\n"
        ),
        &format!(
            "{V}Content-Type: multipart/mixed; boundary=\"BB\"\n\npre C)\n--BB\nContent-Type: text/plain; charset=utf-8\n\nplain ascii\n--BB\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n@base64\n\naGVsbG8gw6k=\n--BB--\nepi\n"
        ),
    )
    .await;
}

#[tokio::test]
async fn messages_inside_are_walked() {
    check(
        &format!(
            "{V}Content-Type: multipart/mixed; boundary=AA\n\n--AA\nContent-Type: message/rfc822\n\nSubject: inner\n{V}Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\n<p>é</p>\n\n--AA\nContent-Type: multipart/alternative; boundary=CC\n\n--CC\n\nno type é\n\n--CC--\n\n--AA--\n"
        ),
        &format!(
            "{V}Content-Type: multipart/mixed; boundary=AA\n\n--AA\nContent-Type: message/rfc822\n\nSubject: inner\n{V}Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: base64\n@base64\n\nPHA+w6k8L3A+DQo=\n--AA\nContent-Type: multipart/alternative; boundary=CC\n\n--CC\nContent-Transfer-Encoding: base64\n@base64\n\nbm8gdHlwZSDDqQ0K\n--CC--\n\n--AA--\n"
        ),
    )
    .await;
    check(
        &format!("{V}Content-Type: multipart/digest; boundary=AA\n\n--AA\n\nSubject: in\n\nno é\n--AA--\n"),
        &format!("{V}Content-Type: multipart/digest; boundary=AA\n\n--AA\n\nSubject: in\n{V}Content-Transfer-Encoding: base64\n@base64\n\nbm8gw6k=\n--AA--\n"),
    )
    .await;
}

#[tokio::test]
async fn a_missing_end_is_added() {
    check(
        &format!("{V}Content-Type: multipart/mixed; boundary=AA\n\n--AA\n\nnoend é\n"),
        &format!("{V}Content-Type: multipart/mixed; boundary=AA\n\n--AA\nContent-Transfer-Encoding: base64\n@base64\n\nbm9lbmQgw6kNCg==\n--AA--\n"),
    )
    .await;
}

#[tokio::test]
async fn what_is_signed_or_encoded_stays() {
    let signed =
        format!("{V}Content-Type: multipart/signed; boundary=AA\n\n--AA\nContent-Type: text/plain\n\nsig é\n--AA--\n");
    check(&signed, &signed).await;
    let quoted = format!(
        "{V}Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nhello é =3D\n"
    );
    check(&quoted, &quoted).await;
}

#[tokio::test]
async fn nesting_ends_somewhere() {
    let mut text = V.to_owned();
    for level in 0..200 {
        text.push_str(&format!("Content-Type: multipart/mixed; boundary=B{level}x\n\n--B{level}x\n"));
    }
    text.push_str("\né\n");
    let (header, body) = text.split_once("\n\n").expect("a blank line");
    let header = format!("{header}\n");
    let message = Message::new(header.as_bytes(), Body::Bytes(body.as_bytes()));
    let converted = to_seven_bit(&message, &rules()).expect("memory");
    assert!(converted.pieces.len() < 100);
}

/// Converts a multipart of many pieces, which comes out as it was.
async fn check_many(part: &str, end: &str) {
    let body = format!("{}{end}", part.repeat(3 * PIECES_MAX));
    let header = format!("{V}Content-Type: multipart/mixed; boundary=B\n");
    let message = Message::new(header.as_bytes(), Body::Bytes(body.as_bytes()));
    let converted = to_seven_bit(&message, &rules()).expect("memory");
    assert!((PIECES_MAX..PIECES_MAX + 10).contains(&converted.pieces.len()), "{}", converted.pieces.len());
    assert!(written(&converted.message(&message)).await == format!("{header}\n{body}"), "{part:?}");
    assert!(Arc::ptr_eq(&converted.message(&message).pieces, &converted.pieces));
}

#[tokio::test]
async fn the_rest_of_a_message_of_too_many_pieces_passes_as_it_is() {
    check_many("--B\nContent-Transfer-Encoding: x\n\n", "--B--\n").await;
    check_many("--B\nContent-Transfer-Encoding: x\n\nt\n", "no end\n").await;
}

#[test]
fn a_header_of_a_part_makes_not_more_pieces_than_a_message_may_have() {
    let body = format!("--B\n{}\n\u{e9}\n", "Content-Transfer-Encoding: 8bit\nA: b\n".repeat(3 * PIECES_MAX));
    let header = format!("{V}Content-Type: multipart/mixed; boundary=B\n");
    let message = Message::new(header.as_bytes(), Body::Bytes(body.as_bytes()));
    let converted = to_seven_bit(&message, &rules()).expect("memory");
    let [.., Piece::Text(field), Piece::Raw(rest)] = &*converted.pieces else { panic!("no rest") };
    assert_eq!((field.as_bstr(), rest.end), (b"Content-Transfer-Encoding: 8bit\n".as_bstr(), body.len() as u64));
    assert_eq!(converted.pieces.len(), PIECES_MAX + 2);
}

#[tokio::test]
async fn plain_text_is_decoded_for_mailboxes() {
    let decode = |encoding: &str, body: &'static str| {
        let header = format!("{V}Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: {encoding}\n");
        async move {
            let message = Message::new(header.as_bytes(), Body::Bytes(body.as_bytes()));
            let converted = to_eight_bit(&message, &rules())?;
            Some(written(&converted.message(&message)).await)
        }
    };
    let head = format!("{V}Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n");
    let expected =
        |from: &str| format!("{head}X-MIME-Autoconverted: from {from} to 8bit by hoge.foo.jp id ID\n\nhello é\n");
    assert_eq!(decode("base64", "aGVsbG8gw6kNCg==\n").await.expect("text"), expected("base64"));
    assert_eq!(decode("quoted-printable", "hello =C3=A9\n").await.expect("text"), expected("quoted-printable"));
    assert_eq!(decode("8bit", "x").await, None);
}

#[test]
fn content_types_are_read() {
    let boundary =
        |text: &str| ContentType::parse(text.as_bytes()).expect("a type").boundary.map(|text| text.to_string());
    assert_eq!(boundary("multipart/mixed; charset=x; boundary=\"a;b\\\"c\"; y=z"), Some("a;b\"c".into()));
    assert_eq!(boundary("multipart/mixed;boundary=abc ; x=y"), Some("abc".into()));
    assert_eq!(boundary("text/plain"), None);
    assert!(ContentType::parse(b"nonsense").is_none());
}

/// Bodies made of what the walk looks for.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just(b"--AA\n".to_vec()),
        Just(b"--AA--\n".to_vec()),
        Just(b"--BB".to_vec()),
        Just(b"Content-Type: multipart/mixed; boundary=BB\n".to_vec()),
        Just(b"Content-Type: message/rfc822\n\n".to_vec()),
        Just(b"Content-Transfer-Encoding: 8bit\n".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just("h\u{e9}\n".as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..30),
    ];
    prop::collection::vec(word, 0..20).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn no_body_upsets_the_walk(body in bodies(), multipart: bool) {
        let header: &[u8] = if multipart { b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=AA\n" } else { b"" };
        let message = Message::new(header, Body::Bytes(&body));
        let converted = to_seven_bit(&message, &rules()).expect("memory");
        let mut end = 0;
        for piece in &*converted.pieces {
            if let Piece::Raw(range) | Piece::Stripped(range) | Piece::Quoted(range) | Piece::Base64(range) = piece {
                prop_assert!(range.start >= end && range.end <= body.len() as u64, "{piece:?} after {end}");
                end = range.end;
            }
        }
    }

    #[test]
    fn encoding_and_decoding_give_the_text_back(lines in prop::collection::vec("[ -~\t\u{e9}]{0,90}", 1..10)) {
        let text = format!("\u{e9}{}\n", lines.join("\n"));
        let header = b"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n";
        let message = Message::new(header, Body::Bytes(text.as_bytes()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let converted = to_seven_bit(&message, &rules()).expect("memory");
        let sent = runtime.block_on(written(&converted.message(&message)));
        prop_assert!(sent.is_ascii());
        let (header, body) = sent.split_once("\n\n").expect("a blank line");
        let header = format!("{header}\n");
        let message = Message::new(header.as_bytes(), Body::Bytes(body.as_bytes()));
        let back = to_eight_bit(&message, &rules()).expect("plain text");
        let received = runtime.block_on(written(&back.message(&message)));
        prop_assert_eq!(received.split_once("\n\n").expect("a blank line").1, text.as_str());
    }
}
