//! The site's own words in reports (option ErrorHeader).

use std::fs::File;

use bstr::{BString, ByteSlice};

use crate::deliver::message::{Format, LineWriter};
use crate::keeper::request::NamedFile;
use crate::keeper::{Hands, Request};
use crate::macros::{HashSign, translate};
use crate::name::TrimSpace as _;
use crate::site::Context;
use crate::sys::bounded::read_within;

/// The longest file, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Returns the words as lines with LF, with the values of macros that hold for the report; none where there are none.
///
/// As with the original, of a file that cannot be used nobody is told.
pub(super) async fn words(hands: &Hands, ctx: &Context) -> BString {
    let option = &ctx.config().options.error_header;
    let mut words = Vec::new();
    let mut writer = LineWriter::new(Format::for_return());
    if option.starts_with(b"/") {
        for line in file(hands).await.unwrap_or_default().lines() {
            let line = line.split(|byte| *byte == 0).next().unwrap_or_default();
            // QUIRK(error-header-octets)
            let line = ctx.expand(&translate(line.trim_space_end(), HashSign::Ordinary).text);
            writer.body(&[line.as_slice(), b"\n"].concat(), &mut words);
        }
    } else {
        writer.body(&ctx.expand(option), &mut words);
    }
    writer.finish(&mut words);
    words.into()
}

/// Reads the file that the option names, by way of a hand.
async fn file(hands: &Hands) -> Option<Vec<u8>> {
    let file = File::from(hands.ask_for_one(Request::OpenNamed { file: NamedFile::ErrorHeader {} }).await.ok()?);
    tokio::task::spawn_blocking(move || read_within(file, FILE_BYTES_MAX).ok()).await.ok()?
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};
    use std::sync::Arc;

    use super::*;
    use crate::keeper::request::FailureKind;
    use crate::keeper::{Answer, Answered};
    use crate::site::Site;

    /// Returns what the rules see of a report at a site with this option.
    fn context(option: &str) -> Context {
        let site = Site::for_tests(&format!("V10/Berkeley\nDjmx.test\nO ErrorHeader={option}\n"));
        let mut ctx = Context::new(&site);
        ctx.set("f", "MAILER-DAEMON");
        ctx
    }

    /// Returns hands that open a file with this text, if there is one, and nothing else.
    fn hands(text: Option<&'static [u8]>) -> Hands {
        Hands::in_process(Arc::new(move |request| {
            let answered = match (request, text) {
                (Request::OpenNamed { file: NamedFile::ErrorHeader {} }, Some(text)) => {
                    let mut file = tempfile::tempfile().expect("a folder");
                    file.write_all(text).and_then(|()| file.rewind()).expect("written");
                    Answered { answer: Answer::Opened {}, descriptors: vec![file.into()] }
                }
                _ => Answered { answer: Answer::failed(FailureKind::Permanent {}, "unsafe"), descriptors: Vec::new() },
            };
            Box::pin(async move { answered })
        }))
    }

    #[track_caller]
    fn check(option: &str, text: Option<&'static [u8]>, expected: &[u8]) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let ctx = runtime.block_on(async { context(option) });
        assert_eq!(runtime.block_on(words(&hands(text), &ctx)), expected.as_bstr());
    }

    #[test]
    fn a_text_is_told_with_its_macros_expanded() {
        check("Call $j, not $f", None, b"Call mx.test, not MAILER-DAEMON\n");
        check("etc/words", Some(b"no"), b"etc/words\n");
        check("From $f", None, b">From MAILER-DAEMON\n");
        check("", Some(b"no"), b"");
    }

    #[test]
    fn the_lines_of_a_file_are_told_with_their_macros_expanded() {
        check("/words", Some(b"Call $j,\n # $$9 not\t$f\n\n"), b"Call mx.test,\n # $9 not\tMAILER-DAEMON\n\n");
        check("/words", Some(b"$?q yes$|no$. end"), b"no end\n");
        check("/words", Some(b"a \t\r\nb\0c\n\xc3\x84\xff"), b"a\nb\n\xc3\x84\xff\n");
        check("/words", Some(b"\n\nFrom us\n"), b"\n\n>From us\n");
    }

    #[test]
    fn a_file_that_cannot_be_used_is_passed_over() {
        check("/words", None, b"");
        check("/words", Some(b""), b"");
    }
}
