//! What leaves, byte by byte, for every format.

use super::*;

fn smtp() -> Format {
    Format {
        end_of_line: "\r\n".into(),
        line_bytes_max: None,
        stuff_dots: true,
        escape_from: false,
        seven_bit: false,
        seven_bit_header: false,
        strip_nul: false,
        blank_end: false,
    }
}

/// Writes `body` in pieces of several sizes; all must give the same.
#[track_caller]
fn check(format: &Format, body: &[u8], expected: &[u8]) {
    for size in [1, 2, 3, 7, 10_000] {
        let mut writer = LineWriter::new(format.clone());
        let mut out = Vec::new();
        body.chunks(size).for_each(|chunk| writer.body(chunk, &mut out));
        writer.finish(&mut out);
        assert_eq!(BString::from(out), BString::from(expected), "in pieces of {size}");
    }
}

#[test]
fn lines_end_as_the_mailer_says() {
    check(&smtp(), b"a\nb", b"a\r\nb\r\n");
    check(&smtp(), b"", b"");
    check(&smtp(), b"\n\n", b"\r\n\r\n");
    check(&Format { end_of_line: "\n".into(), ..smtp() }, b"a\nb\n", b"a\nb\n");
}

#[test]
fn no_bare_cr_or_lf_leaves_over_smtp() {
    check(&smtp(), b"a\rb\r\nc\r\r\n\r", b"a\r\nb\r\nc\r\n\r\n\r\n");
    check(&smtp(), b"x\r.\r\ny", b"x\r\n..\r\ny\r\n");
    check(&Format { end_of_line: "\n".into(), ..smtp() }, b"a\rb\r\n", b"a\rb\n");
}

#[test]
fn dots_are_stuffed_only_at_the_beginning() {
    check(&smtp(), b".\n..\na.b\n", b"..\r\n...\r\na.b\r\n");
    check(&Format { stuff_dots: false, ..smtp() }, b".\n", b".\r\n");
}

#[test]
fn from_is_escaped_where_asked() {
    let format = Format { escape_from: true, ..smtp() };
    check(
        &format,
        b"From x\nFrom\nFromage\n>From x\na From x\nFr",
        b">From x\r\nFrom\r\nFromage\r\n>From x\r\na From x\r\nFr\r\n",
    );
    check(&format, b".From\n", b"..From\r\n");
    check(&Format::for_return(), b"From x\n.\0\r\xe4\nFro", b">From x\n.\0\r\xe4\nFro\n");
}

// Seen from the original with L=990, here in small.
#[test]
fn long_lines_are_cut_with_a_mark() {
    let format = Format { line_bytes_max: Some(10), ..smtp() };
    check(&format, b"123456789\n", b"123456789\r\n");
    check(&format, b"1234567890\n", b"1234567890\r\n");
    check(&format, b"12345678901\n", b"123456789!\r\n 01\r\n");
    check(&format, &[b'd'; 25], b"ddddddddd!\r\n dddddddd!\r\n dddddddd\r\n");
    check(&format, b"123456789.\n.23456789.x\n", b"123456789.\r\n..23456789!\r\n .x\r\n");
}

#[test]
fn bits_and_nul_bytes_go_where_the_flags_say() {
    check(&Format { seven_bit: true, ..smtp() }, b"\xe9\n", b"i\r\n");
    let hidden = b"a\x8d\x8a.\x8d\x8aMAIL\n\xaeb\n\x80\n";
    check(&Format { seven_bit: true, ..smtp() }, hidden, b"a\r\n..\r\nMAIL\r\n..b\r\n\0\r\n");
    check(&Format { strip_nul: true, ..smtp() }, b"a\0b\0\n", b"ab\r\n");
    check(&smtp(), b"a\0b\n", b"a\0b\r\n");
    check(&Format { blank_end: true, ..smtp() }, b"a\n", b"a\r\n\r\n");
}

#[tokio::test]
async fn header_and_body_are_written_with_a_blank_line_between() {
    let mut out = Vec::new();
    let message = Message::new(b"Subject: x\xe9\x8d\x8ay\n.odd: y\n", Body::Bytes(b"From me\n"));
    let format = Format { escape_from: true, seven_bit_header: true, ..smtp() };
    write(&message, &format, &mut out, Duration::ZERO).await.expect("memory");
    assert_eq!(BString::from(out), "Subject: xi  y\r\n..odd: y\r\n\r\n>From me\r\n");
}

#[tokio::test]
async fn a_file_is_read_from_its_beginning() {
    let file = tempfile::tempfile().expect("a file");
    std::os::unix::fs::FileExt::write_all_at(&file, &b"line of text\n".repeat(10_000), 0).expect("room");
    let body = queue::Body::of(file);
    let mut out = Vec::new();
    let count = write(&Message::new(b"", Body::Queued(&body)), &smtp(), &mut out, Duration::from_secs(1))
        .await
        .expect("memory");
    assert_eq!(count, 2 + 14 * 10_000);
    assert_eq!(out.len(), 2 + 14 * 10_000);
}

proptest::proptest! {
    #[test]
    fn nothing_can_end_a_message_early(
        header: Vec<u8>, body: Vec<u8>, limit in 4_usize..20, size in 1_usize..9, stripped: bool,
    ) {
        let bits = Format { seven_bit: stripped, seven_bit_header: stripped, ..smtp() };
        let format = Format { line_bytes_max: Some(limit), escape_from: true, ..bits };
        let mut writer = LineWriter::new(format);
        let mut out = Vec::new();
        writer.header(&header, &mut out);
        body.chunks(size).for_each(|chunk| writer.body(chunk, &mut out));
        writer.finish(&mut out);
        let text = BString::from(out);
        proptest::prop_assert!(text.is_empty() || text.ends_with(b"\r\n"));
        for line in bstr::ByteSlice::split_str(text.strip_suffix(b"\r\n").unwrap_or(&text), "\r\n") {
            proptest::prop_assert!(!line.contains(&b'\r') && !line.contains(&b'\n') && line != b".");
            // A stuffed dot and a `>` do not count.
            proptest::prop_assert!(line.len() <= limit + 2);
        }
    }
}
