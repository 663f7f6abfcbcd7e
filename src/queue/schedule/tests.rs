use super::*;

fn terms() -> Terms {
    let hours = |count: u64| Duration::from_secs(count * 3600);
    let by = |normal| ByUrgency { normal, urgent: hours(1), non_urgent: hours(200), dsn: hours(100) };
    Terms {
        sort: QueueSortOrder::Priority,
        interval: Duration::from_secs(900),
        queue_age_min: Duration::ZERO,
        queue_age_max: Duration::ZERO,
        recipient_factor: 30_000,
        class_factor: 1800,
        retry_factor: 90_000,
        queue_factor: 600_000,
        queue_load: 8,
        return_after: by(hours(120)),
        warn_after: ByUrgency { normal: hours(4), ..ByUrgency::default() },
    }
}

fn facts(priority: i64, destination: &str) -> Facts {
    Facts {
        created: at(0),
        last_try: None,
        tries: 0,
        priority,
        urgency: Urgency::Normal,
        warned: false,
        deliver_by: None,
        destination: destination.into(),
        user: "user".into(),
        modified: None,
        is_interrupted: false,
    }
}

fn schedule() -> Schedule {
    Schedule::new(terms(), Arc::default())
}

fn again(priority: i64, destination: &str) -> Facts {
    Facts { tries: 1, last_try: Some(at(-1000)), ..facts(priority, destination) }
}

fn at(secs: i64) -> UnixTime {
    UnixTime::from_secs(secs)
}

fn name(number: u32) -> EntryName {
    EntryName { directory: 0, id: format!("6AMAKU11{number:06}").parse().expect("an id") }
}

#[test]
fn priorities_are_the_originals() {
    assert_eq!(terms().first_priority(74, -60, 7), 318_074);
    assert_eq!(terms().first_priority(29, 0, 2), 60_029);
    assert_eq!(terms().retry_priority(318_074), 408_074);
    assert_eq!(terms().first_priority(u64::MAX, i32::MIN, usize::MAX), i64::MAX);
}

#[test]
fn at_a_high_load_only_good_priorities_go() {
    let terms = terms();
    assert!(!terms.must_wait(i64::MAX, 7));
    assert!(terms.must_wait(600_001, 8));
    assert!(!terms.must_wait(600_000, 8));
    assert!(terms.must_wait(300_001, 9));
    let low = Terms { queue_load: 0, queue_factor: 1, ..terms };
    assert!(low.must_wait(30_010, 0));
}

#[test]
fn tries_are_an_interval_apart() {
    let tried = Facts { tries: 1, last_try: Some(at(1000)), ..facts(0, "a") };
    assert_eq!(terms().next_try(&tried, at(99_999)), at(1900));
    assert_eq!(terms().next_try(&facts(0, "a"), at(99_999)), at(0));
    let slow = Terms { queue_age_min: Duration::from_secs(3600), ..terms() };
    assert_eq!(slow.next_try(&tried, at(99_999)), at(4600));
    assert!(slow.is_too_young(&tried, at(4599)) && !slow.is_too_young(&tried, at(4600)));
    let doubling = Terms { queue_age_max: Duration::from_secs(36_000), ..slow };
    let often = Facts { tries: 3, ..tried.clone() };
    assert_eq!(doubling.next_try(&often, at(99_999)), at(1000 + 4 * 3600));
    assert_eq!(doubling.next_try(&Facts { tries: u32::MAX, ..tried }, at(99_999)), at(37_000));
}

#[test]
fn a_clock_that_was_set_back_delays_nothing_by_more_than_an_interval() {
    let tried = Facts { created: at(9_000), tries: 1, last_try: Some(at(10_000)), ..facts(0, "a") };
    assert_eq!(terms().next_try(&tried, at(100)), at(1000));
    assert_eq!(terms().next_try(&Facts { tries: 0, ..tried.clone() }, at(100)), at(100));
    assert!(!terms().is_too_young(&tried, at(9_999)));
    let mut schedule = schedule();
    schedule.insert(name(1), tried, at(10_000));
    assert_eq!(schedule.next(at(10_899), 0), None);
    assert_eq!((schedule.next(at(100), 0), schedule.next_due()), (None, Some(at(1000))));
    assert_eq!(schedule.next(at(1000), 0), Some(name(1)));
}

#[test]
fn time_over_returns_and_half_time_warns_once() {
    let hour = 3600;
    assert_eq!(terms().fate(&facts(0, "a"), at(4 * hour - 1)), Fate::Retry);
    assert_eq!(terms().fate(&facts(0, "a"), at(4 * hour)), Fate::Warn);
    assert_eq!(terms().fate(&Facts { warned: true, ..facts(0, "a") }, at(5 * hour)), Fate::Retry);
    assert_eq!(terms().fate(&facts(0, "a"), at(120 * hour)), Fate::Return);
    let urgent = Facts { urgency: Urgency::Urgent, ..facts(0, "a") };
    assert_eq!(terms().fate(&urgent, at(hour)), Fate::Return);
    let report = Facts { urgency: Urgency::Report, ..facts(0, "a") };
    assert_eq!(terms().fate(&report, at(99 * hour)), Fate::Retry);
}

#[test]
fn deliver_by_ends_sooner() {
    let by = |mode| Some(DeliverBy { seconds: 60, mode, trace: false });
    let back = Facts { deliver_by: by(DeliverByMode::Return), ..facts(0, "a") };
    assert_eq!((terms().fate(&back, at(59)), terms().fate(&back, at(60))), (Fate::Retry, Fate::Return));
    let told = Facts { deliver_by: by(DeliverByMode::Notify), ..facts(0, "a") };
    assert_eq!(terms().fate(&told, at(60)), Fate::Warn);
    assert_eq!(terms().fate(&Facts { warned: true, ..told }, at(60)), Fate::Retry);
}

#[test]
fn due_entries_come_by_priority() {
    let mut schedule = schedule();
    for (number, priority) in [(1, 300), (2, 100), (3, 200)] {
        schedule.insert(name(number), facts(priority, "a"), at(0));
    }
    schedule.insert(name(4), Facts { tries: 1, last_try: Some(at(0)), ..facts(0, "a") }, at(0));
    let order: Vec<_> = std::iter::from_fn(|| schedule.next(at(10), 0)).collect();
    assert_eq!(order, [name(2), name(3), name(1)]);
    assert_eq!(schedule.next_due(), Some(at(900)));
    assert_eq!(schedule.next(at(900), 0), Some(name(4)));
}

#[test]
fn a_full_lane_holds_up_no_other() {
    let mut schedule = schedule();
    for number in 0..100 {
        schedule.insert(name(number), again(1, "dead.example"), at(0));
    }
    schedule.insert(name(999), facts(2, "alive.example"), at(0));
    let taken: Vec<_> = std::iter::from_fn(|| schedule.next(at(0), 0)).collect();
    assert_eq!(taken.len(), LANE_PLACES + 1);
    assert_eq!(taken.last(), Some(&name(999)));
    schedule.finish(&name(0));
    assert_eq!(schedule.next(at(0), 0), Some(name(8)));
    assert_eq!(schedule.next(at(0), 0), None);
}

#[test]
fn what_is_worked_with_at_once_takes_a_place_and_leaves_the_others_theirs() {
    let mut schedule = schedule();
    let admitted = (0..300).filter(|number| schedule.admit(&name(*number), &facts(1, "slow.example"))).count();
    assert_eq!(admitted, FIRST_TRY_PLACES);
    assert!(schedule.admit(&name(999), &facts(1, "alive.example")));
    let late = u32::try_from(FIRST_TRY_PLACES).expect("small");
    schedule.insert(name(late), facts(1, "slow.example"), at(0));
    assert_eq!(schedule.next(at(0), 0), None);
    schedule.finish(&name(0));
    assert!(!schedule.admit(&name(300), &facts(1, "slow.example")), "who waits comes first");
    assert_eq!(schedule.next(at(0), 0), Some(name(late)));
}

#[test]
fn a_lane_gives_few_places_to_what_is_tried_again() {
    let mut schedule = schedule();
    for number in 0..20 {
        assert!(schedule.admit(&name(number), &facts(1, "slow.example")));
    }
    schedule.insert(name(20), again(1, "slow.example"), at(0));
    for number in 0..12 {
        assert_eq!(schedule.next(at(0), 0), None);
        schedule.finish(&name(number));
    }
    assert_eq!(schedule.next(at(0), 0), None);
    schedule.finish(&name(12));
    assert_eq!(schedule.next(at(0), 0), Some(name(20)));
}

#[test]
fn users_of_this_host_have_lanes_of_their_own() {
    let mut classes = Classes::default();
    classes.insert(&crate::name::ClassName::new("w"), b"here.example");
    let mut schedule = Schedule::new(terms(), Arc::new(classes));
    let of = |address: &[u8]| Facts { user: user(address), destination: destination(address), ..facts(1, "") };
    let alice = [b"<alice@here.example>".as_slice(), b"Alice+1@HERE.example", b"alice"];
    let admitted = (0..300).filter(|number| schedule.admit(&name(*number), &of(alice[*number as usize % 3])));
    assert_eq!(admitted.count(), FIRST_TRY_PLACES);
    assert!(schedule.admit(&name(999), &of(b"<bob@here.example>")));
}

#[test]
fn when_all_is_finished_nothing_is_kept() {
    let mut schedule = schedule();
    for number in 0..50 {
        schedule.insert(name(number), again(1, "a"), at(0));
        schedule.insert(name(number), again(1, "a"), at(0));
    }
    assert_eq!(schedule.len(), 50);
    while let Some(next) = schedule.next(at(0), 0) {
        schedule.finish(&next);
    }
    assert!(schedule.is_empty() && schedule.lanes.is_empty() && schedule.ready.is_empty());
}

#[test]
fn a_run_by_hand_hastens_what_it_chooses() {
    let mut schedule = schedule();
    let tried = |destination| Facts { tries: 1, last_try: Some(at(0)), ..facts(1, destination) };
    schedule.insert(name(1), tried("a"), at(0));
    schedule.insert(name(2), tried("b"), at(0));
    schedule.hasten(at(5), |_, facts| facts.destination == "b");
    assert_eq!(schedule.next(at(5), 0), Some(name(2)));
    assert_eq!(schedule.next(at(5), 0), None);
    assert_eq!(schedule.next(at(900), 0), Some(name(1)));
}

#[test]
fn other_orders_sort_by_their_fact() {
    for (sort, expected) in [
        (QueueSortOrder::Time, [2, 1]),
        (QueueSortOrder::FileName, [1, 2]),
        (QueueSortOrder::Host, [2, 1]),
        (QueueSortOrder::Nothing, [1, 2]),
    ] {
        let mut schedule = Schedule::new(Terms { sort, ..terms() }, Arc::default());
        schedule.insert(name(1), Facts { created: at(9), ..facts(1, "b") }, at(0));
        schedule.insert(name(2), Facts { created: at(8), ..facts(2, "a") }, at(0));
        let order: Vec<_> = std::iter::from_fn(|| schedule.next(at(10), 0)).collect();
        assert_eq!(order, expected.map(name), "{sort:?}");
    }
}

#[test]
fn the_destination_is_the_domain_of_the_first_recipient() {
    assert_eq!(destination(b"<a@Example.COM>"), "example.com");
    assert_eq!(destination(b"root"), "");
}
