//! Header fields made of addresses (`To:`, `From:` …): taking them apart and writing them again.

use bstr::BString;

use super::address_list::Separator;
use super::header::Header;

/// The longest line of an address field before it is folded, in bytes.
const LINE_BYTES_MAX: usize = 78;

/// What stands before the first address of each further line.
const CONTINUATION: &[u8] = b"\n        ";

/// Header fields that name the sender.
const SENDER_FIELDS: [&str; 8] = [
    "From",
    "Sender",
    "Reply-To",
    "Errors-To",
    "Disposition-Notification-To",
    "Resent-From",
    "Resent-Sender",
    "Resent-Reply-To",
];

/// Header fields that name recipients.
const RECIPIENT_FIELDS: [&str; 7] = ["To", "Cc", "Bcc", "Apparently-To", "Resent-To", "Resent-Cc", "Resent-Bcc"];

/// Whom the addresses of a field name, which decides the rulesets that rewrite them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Party {
    /// The sender.
    Sender,
    /// Recipients.
    Recipient,
}

impl Party {
    /// Returns whom a header field names; none for fields without addresses.
    pub fn of_field(name: &[u8]) -> Option<Self> {
        let among = |fields: &[&str]| fields.iter().any(|field| name.eq_ignore_ascii_case(field.as_bytes()));
        match () {
            () if among(&SENDER_FIELDS) => Some(Self::Sender),
            () if among(&RECIPIENT_FIELDS) => Some(Self::Recipient),
            () => None,
        }
    }

    /// Returns what separates the addresses of its fields: senders always have commas.
    pub fn separator(self, of_recipients: Separator) -> Separator {
        match self {
            Self::Sender => Separator::Comma,
            Self::Recipient => of_recipients,
        }
    }
}

/// Returns what separates the recipients in the fields of a header whose envelope had `separator` so far.
pub fn separator(header: &[Header], separator: Separator) -> Separator {
    let lists = header.iter().filter(|field| Party::of_field(&field.name).is_some());
    lists.fold(separator, |separator, list| separator.after(&list.value))
}

/// Returns the value of a field: `elements` with commas between them, folded so that lines stay short.
pub fn join(field_name: &[u8], elements: &[BString]) -> BString {
    let mut value = BString::from(" ");
    let mut column = field_name.len() + 2;
    for (number, element) in elements.iter().enumerate() {
        if number > 0 {
            value.push(b',');
            if column + element.len() + 2 > LINE_BYTES_MAX {
                value.extend_from_slice(CONTINUATION);
                column = CONTINUATION.len() - 1;
            } else {
                value.push(b' ');
                column += 2;
            }
        }
        value.extend_from_slice(element);
        column += element.len();
    }
    value
}

#[cfg(test)]
mod tests {
    use bstr::ByteSlice;

    use super::super::address_list::split_field;
    use super::*;

    #[test]
    fn long_lists_are_folded() {
        let elements: Vec<BString> = (0..9).map(|n| format!("user{n}@example.com").into()).collect();
        let value = join(b"To", &elements);
        assert!(value.split(|byte| *byte == b'\n').all(|line| line.len() < LINE_BYTES_MAX), "{value}");
        assert!(value.starts_with(b" user0@example.com, user1@example.com,"));
        assert!(value.contains_str(",\n        user4@"), "{value}");
        assert_eq!(split_field(&value, Separator::Comma).len(), 9);
    }
}
