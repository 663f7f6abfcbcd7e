//! VRFY, EXPN, ETRN and HELP.

use bstr::{BStr, BString, ByteSlice};

use super::clerk::Clerk;
use super::help;
use super::service::Listed;
use crate::macros::{HashSign, translate};
use crate::mail::address_list::Separator;
use crate::mail::reply::Reply;
use crate::name::Status;
use crate::policy::{Ask, Hook};
use crate::smtp::server::{notes, texts};

impl Clerk<'_> {
    /// Answers VRFY (`expand` false) and EXPN.
    pub(super) async fn verify(&mut self, address: &BStr, expand: bool) -> Reply {
        let (hook, command) = if expand { (Hook::CheckExpn, "EXPN") } else { (Hook::CheckVrfy, "VRFY") };
        let args = [address.as_bytes()];
        if let Err(refusal) = self.check(&Ask::text(hook, &args)).await {
            return refusal.reply;
        }
        let separator = self.separator();
        let found = self.service.directory.list(&mut self.ctx, address, separator, expand).await;
        self.transaction.new_style = separator.after(address) == Separator::Comma;
        self.ctx.clear("addr_type");
        self.transaction.told += found.listed.len();
        self.transaction.names_others |= found.parsed;
        match found.refusal {
            Some(reply) => reply,
            None if found.listed.is_empty() => texts::nothing_to(command),
            None => self.listing(&found.listed, expand),
        }
    }

    /// Returns the reply that tells of addresses.
    fn listing(&self, listed: &[Listed], expand: bool) -> Reply {
        let host = self.ctx.get("j").unwrap_or_default();
        let uncertain = !expand && listed.iter().any(|entry| !entry.certain);
        let code = if uncertain { 252 } else { 250 };
        let lines = listed.iter().map(|entry| line(entry, &host)).collect();
        Reply::of_lines(code, Status::new(2, 1, 5), lines)
    }

    /// Answers ETRN.
    pub(super) async fn run_queue(&mut self, node: &BStr) -> Reply {
        let args = [node.as_bytes()];
        if let Err(refusal) = self.check(&Ask::text(Hook::CheckEtrn, &args)).await {
            return refusal.reply;
        }
        let asked = [b"ETRN ", node.as_bytes()].concat();
        self.note(&notes::asked(self.facts.origin.as_bstr(), &asked, false));
        if let Some(group) = node.strip_prefix(b"#") {
            if !self.service.site.config.has_queue_group(group) {
                return texts::queue_unknown(group);
            }
            (self.service.run_queue)(node);
            return texts::queuing_started("queue group", group);
        }
        (self.service.run_queue)(node);
        texts::queuing_started("node", node)
    }

    /// Answers HELP.
    pub(super) fn help(&self, topic: &BStr) -> Reply {
        let version = self.ctx.get("v").unwrap_or_default();
        let expand = |text: &[u8]| self.ctx.expand(&translate(text, HashSign::Ordinary).text);
        help::reply(self.service.help.as_deref(), topic, &version.to_str_lossy(), &expand)
    }
}

/// Returns one line of the reply to VRFY and EXPN.
fn line(entry: &Listed, host: &BString) -> BString {
    let mut address = entry.user.clone();
    if entry.internet_form && !address.contains(&b'@') {
        address.push(b'@');
        address.extend_from_slice(host);
    }
    let name = entry.full_name.as_ref().map(|name| [name.as_slice(), b" "].concat()).unwrap_or_default();
    [&name[..], b"<", &address, b">"].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(user: &str, full_name: Option<&str>, internet_form: bool, expected: &str) {
        let entry = Listed { user: user.into(), full_name: full_name.map(Into::into), internet_form, certain: true };
        assert_eq!(line(&entry, &"mx.foo".into()), expected);
    }

    #[test]
    fn users_are_told_with_host_and_full_name() {
        check("alice", Some("Alice L"), true, "Alice L <alice@mx.foo>");
        check("x@y", None, true, "<x@y>");
        check("\"|prog x\"", None, false, "<\"|prog x\">");
    }
}
