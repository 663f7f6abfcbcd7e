//! Errors of the program itself, which end a task and would be seen nowhere else.

use std::panic::{self, PanicHookInfo};

use super::{Level, Log};

/// What ends the part of a panic's message that was certainly not put in when it happened.
const PUT_IN: [char; 5] = [':', '`', '\'', '"', '\n'];

/// Has every panic of this process logged, in one line each, besides what is done already.
pub fn tell_panics(log: &Log) {
    let (log, before) = (log.clone(), panic::take_hook());
    panic::set_hook(Box::new(move |info| {
        let (log, text) = (log.clone(), told(info));
        // Not here: whoever panics may hold the log. Where no thread can be had, there is nobody to tell.
        let _ = std::thread::Builder::new().spawn(move || log.say(Level::ALERT, None, text));
        before(info);
    }));
}

/// Returns place and message of a panic; one that was put together stops where a part of somebody's mail could begin.
fn told(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let text = match payload.downcast_ref::<String>() {
        Some(text) => text.split(PUT_IN).next().unwrap_or_default().trim_end(),
        None => payload.downcast_ref::<&str>().copied().unwrap_or_default(),
    };
    let place = info.location().map(|place| format!(" at {place}")).unwrap_or_default();
    format!("a task has ended by an error of the program{place}: {text}")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    use bstr::BString;

    use super::*;
    use crate::log::Sink;

    #[test]
    fn a_panic_is_logged_with_its_place_but_not_with_what_was_put_into_its_message() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        tell_panics(&Log::new(Sink::Memory(Arc::clone(&lines)), "test", 9));
        let secret = || panic!("told to nobody else: {:?}", BString::from("a secret"));
        std::thread::spawn(secret).join().expect_err("a panic");
        std::thread::spawn(|| panic!("as it is: all of it")).join().expect_err("a panic");
        let end = Instant::now() + Duration::from_secs(20);
        let told = |text: &str| {
            lines.lock().expect("no panic").iter().filter(|line| line.ends_with(text.as_bytes())).count() == 1
        };
        let all = [": told to nobody else", ": as it is: all of it"];
        while !all.iter().all(|text| told(text)) && Instant::now() < end {
            std::thread::yield_now();
        }
        // The hook is that of all tests.
        drop(panic::take_hook());
        let lines = lines.lock().expect("no panic");
        let place = "a task has ended by an error of the program at src/log/panics.rs:";
        let ours: Vec<_> = lines.iter().filter(|line| line.starts_with(place.as_bytes())).collect();
        assert_eq!(ours.len(), 2, "{lines:?}");
        assert!(ours.iter().all(|line| all.iter().any(|text| line.ends_with(text.as_bytes()))), "{lines:?}");
    }
}
