//! The text of a control file, record version 8 (op guide, appendix "Summary of Support Files", and what the original writes).
//!
//! There is one writer, and every field goes through its one `line`, which refuses whatever could begin another line.
//! The reader gives a whole envelope or an error with line and reason, never a part.

mod reader;
mod writer;

pub use reader::{BadControl, Damage, read};
pub use writer::{BadField, DataFileId, write};

/// The record version we write, and the newest we read.
pub const VERSION: u32 = 8;

/// The longest text of a line but for header fields, in bytes: far more than a command line of SMTP holds.
pub const LINE_BYTES_MAX: usize = 1 << 16;

/// The longest header field, in bytes: more than any `MaxHeadersLength` in use.
pub const FIELD_BYTES_MAX: usize = 1 << 20;

/// The longest text of an `M` line, in bytes; the rest is cut off, for it only tells why something waits.
pub const MESSAGE_BYTES_MAX: usize = 1024;

/// The mark before a byte of a header value that the original would take for an internal code.
const QUOTE_MARK: u8 = 0xff;

/// `BY=` marks of the `!` line: notify, return, trace.
const BY_NOTIFY: u8 = 0x01;
const BY_RETURN: u8 = 0x02;
const BY_TRACE: u8 = 0x10;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::mail::envelope::Controller;
    use crate::mail::envelope::{DeliverBy, DeliverByMode, Envelope, Notify, Recipient, Ret};
    use crate::mail::header::Header;
    use crate::name::{QueueId, UnixTime};
    use bstr::{BString, ByteSlice};
    use proptest::prelude::*;

    const ID: &str = "6AMAKU11004711";

    fn id() -> QueueId {
        ID.parse().expect("an id")
    }

    /// A file as the original writes it.
    const ORIGINAL: &[u8] = b"V8\nT1795387328\nK1795387332\nN2\nP408074\nI0/43/14\nB8BITMIME\n\
        MDeferred: Connection refused by mx2.example.com.\nF8bdns\n$_root@localhost\n$rESMTP\n$sx.example\n\
        ${daemon_flags}c u\nS<a@example.com>\nZen+2Bv\nA<>\n!\x12 7200\nQrfc822;zz\nrRFC822; zz@example.com\n\
        RPN:<zz@example.com>\nCfwd:1020:1020:<fwd@hoge.foo.jp>\nM450 later\nrRFC822; fwd@hoge.foo.jp\n\
        RPFD:someone@example.com\nRPFDA:other@example.com\nC\nRPNSF:bob\nH?P?Return-Path: <\x81g>\n\
        H??Received: from x.example (root@localhost)\n\tby hoge.foo.jp with ESMTP id 6AMMg76V000034;\n\
        \tSun, 22 Nov 2026 22:42:08 GMT\nH??Subject: a\xff\x81gb \xff\xff \xa0\nH?${client_addr}?X-C: x\n\
        H??From:nospace\nH??X-Empty:\n.\n";

    #[test]
    fn a_file_of_the_original_is_read_and_written_byte_for_byte() {
        let envelope = read(&id(), ORIGINAL).expect("good");
        let data = DataFileId { major: 0, minor: 43, inode: 14 };
        assert_eq!(write(&envelope, Some(data)).expect("clean").as_bstr(), ORIGINAL.as_bstr());
    }

    #[test]
    fn every_part_of_a_file_is_understood() {
        let envelope = read(&id(), ORIGINAL).expect("good");
        assert_eq!((envelope.tries, envelope.priority), (2, 408_074));
        assert_eq!(envelope.ret, Some(Ret::Headers));
        assert!(envelope.flags.eight_bit && envelope.flags.delete_bcc && envelope.flags.split);
        assert_eq!(envelope.macro_value("r"), Some(&b"ESMTP"[..]));
        let by = DeliverBy { seconds: 7200, mode: DeliverByMode::Return, trace: true };
        assert_eq!(envelope.deliver_by, Some(by));
        let [zz, someone, other, bob] = &envelope.recipients[..] else { panic!("four recipients") };
        assert_eq!((zz.orcpt.clone(), zz.notify), (Some(Arc::new("rfc822;zz".into())), Some(Notify::default())));
        assert_eq!(someone.message, Some("450 later".into()));
        assert_eq!(someone.controller.as_ref().map(|c| (c.uid, c.gid)), Some((Some(1020), Some(1020))));
        assert!(other.from_alias && other.controller == someone.controller);
        assert_eq!(bob.controller, None);
        assert!(envelope.headers[0].template && !envelope.headers[2].template);
        assert_eq!(envelope.headers[2].value, b" a\x81gb \xff \xa0".as_bstr());
    }

    #[track_caller]
    fn refused(text: &[u8], message: &str) {
        assert_eq!(read(&id(), text).expect_err(message).to_string(), message);
    }

    #[test]
    fn a_damaged_file_is_refused_with_line_and_reason() {
        refused(b"", "line 1: empty file");
        refused(b"V8\nT1\nS<a>\n", "line 3: file ends without its end mark");
        refused(b"V8\nT1\nS<a>\n.", "line 3: file ends without its end mark");
        refused(b"V8\nT1\nS<a>\nH??A: b", "line 3: file ends without its end mark");
        refused(b"V8\nT1\nS<a>\n.\nRPFD:x\n", "line 5: text behind the end mark");
        refused(b"V9\n.\n", "line 1: version 9 is newer than ours (8)");
        refused(b"V8\nTx\n.\n", "line 2: bad number \"x\"");
        refused(b"V8\nT1\n.\n", "line 3: no S line");
        refused(b"V8\nS<a>\n.\n", "line 3: no T line");
        refused(b"V8\n\n.\n", "line 2: unknown line \"\"");
        refused(b"V8\nH??no colon\n.\n", "line 2: bad header field \"??no colon\"");
        refused(b"V8\nS<a\0>\n.\n", "line 2: NUL in the file");
        refused(&[b"V8\nS", [b'a'; LINE_BYTES_MAX + 1].as_slice(), b"\n.\n"].concat(), "line 2: longer than any line");
    }

    #[test]
    fn every_cut_of_a_file_is_refused() {
        for len in 0..ORIGINAL.len() {
            read(&id(), &ORIGINAL[..len]).expect_err("cut off");
        }
    }

    #[test]
    fn unknown_lines_are_kept() {
        let envelope = read(&id(), b"V8\nT1\nS<a>\nd/var/spool/mqueue/2\n.\n").expect("good");
        let text = write(&envelope, None).expect("clean");
        assert!(text.contains_str("\nd/var/spool/mqueue/2\n"));
    }

    #[test]
    fn no_field_can_begin_a_line_of_its_own() {
        let good = read(&id(), ORIGINAL).expect("good");
        let inject = BString::from("x\nRPFD:|evil");
        let spoil: [fn(&mut Envelope, &BString); 9] = [
            |e, text| e.sender = text.clone(),
            |e, text| e.envid = Some(text.clone()),
            |e, text| e.auth = Some(text.clone()),
            |e, text| e.quarantine = Some(text.clone()),
            |e, text| e.macros[0].1 = text.clone(),
            |e, text| e.recipients[0].address = text.clone(),
            |e, text| e.recipients[0].orcpt = Some(Arc::new(text.clone())),
            |e, text| Arc::make_mut(e.recipients[1].controller.as_mut().expect("one")).alias = text.clone(),
            |e, text| e.headers[2].value = text.clone(),
        ];
        for change in spoil {
            let mut envelope = good.clone();
            change(&mut envelope, &inject);
            write(&envelope, None).expect_err("a line end inside");
        }
        let mut envelope = good.clone();
        Arc::make_mut(envelope.recipients[1].controller.as_mut().expect("one")).user = "x\nRPFD".into();
        write(&envelope, None).expect_err("a line end inside");
        let mut envelope = good;
        envelope.message = Some(inject.clone());
        envelope.recipients[0].message = Some(inject);
        let text = write(&envelope, None).expect("told in one line");
        assert_eq!(read(&id(), &text).expect("good").recipients.len(), 4);
    }

    #[test]
    fn a_controller_with_a_colon_in_his_name_counts_as_unknown() {
        let mut envelope = read(&id(), ORIGINAL).expect("good");
        for uid in [Some(1), None] {
            let controller = Controller { user: "\"a:b\"".into(), uid, gid: uid, alias: "list".into() };
            envelope.recipients[1].controller = Some(Arc::new(controller));
            let text = write(&envelope, None).expect("all can be written");
            let read = read(&id(), &text).expect("good");
            assert_eq!(
                read.recipients[1].controller,
                Some(Arc::new(Controller { alias: "list".into(), ..Controller::default() }))
            );
        }
    }

    /// Returns bytes that no writer refuses, of about the length that a line may have: many of them are quoted in headers.
    fn long(max: usize) -> impl Strategy<Value = BString> {
        let bytes = prop_oneof![Just(b'a'), Just(b'\x81'), Just(b' '), Just(b':'), Just(b'}')];
        let len = prop_oneof![0..40_usize, (max / 2).saturating_sub(20)..max / 2 + 5, max - 40..max + 5];
        (bytes, len).prop_map(|(byte, len)| BString::from(vec![byte; len]))
    }

    #[test]
    fn a_header_field_is_measured_as_it_is_written() {
        let mut envelope = Envelope::new(id(), UnixTime::from_secs(1_795_387_328), "<a>");
        envelope.headers.push(Header::with_value("X-Any", vec![b'\x81'; FIELD_BYTES_MAX / 2]));
        assert!(matches!(write(&envelope, None), Err(BadField::Length { field: "header", .. })));
        envelope.headers[0] = Header::with_value("X-Any", vec![b'\x81'; FIELD_BYTES_MAX / 2 - 10]);
        assert_eq!(read(&id(), &write(&envelope, None).expect("room")).expect("our own").headers, envelope.headers);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_is_written_can_be_read(
            place in 0..10_usize, line in long(LINE_BYTES_MAX), value in long(FIELD_BYTES_MAX), flags in "[A-Za-z]{0,20}",
        ) {
            let mut envelope = read(&id(), ORIGINAL).expect("good");
            match place {
                0 => envelope.sender = line,
                1 => envelope.envid = Some(line),
                2 => envelope.auth = Some(line),
                3 => envelope.quarantine = Some(line),
                4 => envelope.macros[3].1 = line,
                5 => envelope.recipients[1].orcpt = Some(Arc::new(line)),
                6 => Arc::make_mut(envelope.recipients[1].controller.as_mut().expect("one")).alias = line,
                7 => envelope.unknown_lines.push([b"d", line.as_slice()].concat().into()),
                8 => envelope.headers[2].value = value,
                _ => envelope.recipients[1].address = line,
            }
            envelope.recipients[1].unknown_flags = flags.into();
            if let Ok(text) = write(&envelope, None) {
                let again = read(&id(), &text);
                prop_assert!(again.is_ok(), "{:?}", again.map(|_| ()));
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_envelope_or_an_error(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&id(), &text);
        }

        #[test]
        fn whatever_is_read_can_be_written_again(
            lines in proptest::collection::vec(
                ("[VTKNPIBMF$qSZA!CQrRHdE]", proptest::collection::vec(any::<u8>(), 0..20), 0..3_usize), 0..12),
        ) {
            let mut text = b"V8\nT1\nS<a>\n".to_vec();
            for (code, bytes, long) in lines {
                text.extend_from_slice(code.as_bytes());
                text.extend(bytes.repeat(1 + long * 2000).iter().filter(|byte| !matches!(byte, b'\n' | 0)));
                text.push(b'\n');
            }
            text.extend_from_slice(b".\n");
            if let Ok(envelope) = read(&id(), &text) {
                let again = write(&envelope, None);
                prop_assert!(again.is_ok(), "{:?}", again.map(|_| ()));
                let again = read(&id(), &again.expect("checked")).expect("readable");
                let addresses = |envelope: &Envelope| -> Vec<BString> {
                    envelope.recipients.iter().map(|recipient| recipient.address.clone()).collect()
                };
                prop_assert_eq!(addresses(&again), addresses(&envelope));
                prop_assert_eq!((&again.sender, &again.headers), (&envelope.sender, &envelope.headers));
            }
        }

        #[test]
        fn what_is_written_is_read_back(
            sender in "[ -~]{0,40}", address in "[ -~]{1,40}", message in "[ -~\\n]{0,40}",
            value in proptest::collection::vec(any::<u8>(), 0..60), tries in any::<u32>(), flags in any::<[bool; 4]>(),
        ) {
            let mut envelope = Envelope::new(id(), UnixTime::from_secs(1_795_387_328), sender);
            envelope.tries = tries;
            envelope.message = Some(message.replace('\n', " ").into());
            envelope.flags.warned = flags[0];
            envelope.flags.eight_bit = flags[1];
            let mut recipient = Recipient::new(address);
            recipient.primary = flags[2];
            recipient.notify = flags[3].then_some(Notify::DEFAULT);
            envelope.recipients.push(recipient);
            envelope.headers.push(Header::with_value("X-Any", &value));
            let text = write(&envelope, None).expect("clean");
            // The file does not tell the size; its reader finds out how much of it the header is.
            let size_bytes = 0;
            prop_assert_eq!(Envelope { size_bytes, ..read(&id(), &text).expect("our own") }, envelope);
        }
    }
}
