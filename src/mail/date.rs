//! Dates as headers, mailboxes and macros have them; the zone is the site's (option TimeZoneSpec).

use bstr::BString;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::name::UnixTime;

/// Returns the date of a header field (`RFC 5322 §3.3`): `Sun, 22 Nov 2026 19:50:59 -0330`, in Greenwich `… GMT`.
pub fn arpa(time: UnixTime, zone: &TimeZone) -> BString {
    let zoned = zoned(time, zone);
    let date = zoned.strftime("%a, %-d %b %Y %H:%M:%S").to_string();
    if zoned.offset().seconds() == 0 { format!("{date} GMT") } else { format!("{date} {}", zoned.strftime("%z")) }
        .into()
}

/// Returns the date of a `From ` line, as ctime(3) prints it: `Sun Nov 22 10:20:30 2026`.
pub fn ctime(time: UnixTime, zone: &TimeZone) -> BString {
    zoned(time, zone).strftime("%a %b %e %H:%M:%S %Y").to_string().into()
}

/// Returns the value of `$t`: `202611221020`, in Greenwich time.
pub fn compact(time: UnixTime) -> BString {
    zoned(time, &TimeZone::UTC).strftime("%Y%m%d%H%M").to_string().into()
}

/// Returns a moment in a zone; one that no calendar has is the epoch.
fn zoned(time: UnixTime, zone: &TimeZone) -> Zoned {
    Timestamp::from_second(time.secs()).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: UnixTime = UnixTime::from_secs(1_795_342_830);

    #[test]
    fn headers_tell_the_zone() {
        let zone = |spec: &str| TimeZone::posix(spec).expect("a zone");
        assert_eq!(arpa(TIME, &TimeZone::UTC), "Sun, 22 Nov 2026 10:20:30 GMT");
        assert_eq!(arpa(TIME, &zone("JST-9")), "Sun, 22 Nov 2026 19:20:30 +0900");
        assert_eq!(arpa(TIME, &zone("EST5EDT,M3.2.0,M11.1.0")), "Sun, 22 Nov 2026 05:20:30 -0500");
        assert_eq!(arpa(UnixTime::from_secs(1_793_700_000), &TimeZone::UTC), "Tue, 3 Nov 2026 10:00:00 GMT");
    }

    #[test]
    fn mailboxes_pad_the_day_with_a_blank() {
        assert_eq!(ctime(TIME, &TimeZone::UTC), "Sun Nov 22 10:20:30 2026");
        assert_eq!(ctime(UnixTime::from_secs(1_793_700_000), &TimeZone::UTC), "Tue Nov  3 10:00:00 2026");
        assert_eq!(compact(TIME), "202611221020");
    }
}
