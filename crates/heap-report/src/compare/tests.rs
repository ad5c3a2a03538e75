//! Two small histories, and what a person reads of their difference.

use super::{Comparison, Figures, Side};
use crate::history::{Event, Frame, History, Site, TimedEvent};
use crate::replay::Replayed;

/// Returns a program whose sites keep blocks of 100 bytes each: (file, line, function, blocks).
fn history(sites: &[(&str, u32, &str, u32)]) -> History {
    let mut history = History::default();
    history.owners.insert(1, "mqtt".to_owned());
    let mut address = 0x3FFB_0000;
    for (number, (file, line, function, blocks)) in sites.iter().enumerate() {
        history.sites.push(Site {
            callers: vec![0x400D_0000 + line],
            frames: vec![Frame {
                function: (*function).to_owned(),
                file: (*file).to_owned(),
                line: *line,
            }],
            ..Site::default()
        });
        for _ in 0..*blocks {
            address += 112;
            history.events.push(TimedEvent {
                ticks: 0,
                event: Event::Allocated {
                    address,
                    size: 100,
                    site: number + 1,
                    owner: u8::try_from(number % 2).unwrap(),
                },
            });
        }
    }
    history
}

fn compared(before: &History, after: &History) -> Comparison {
    let replayed = (Replayed::of(before), Replayed::of(after));
    let side = |name, history, replayed| Side {
        name,
        history,
        replayed,
    };
    Comparison::of(
        side("old.log", before, &replayed.0),
        side("new.log", after, &replayed.1),
    )
}

#[test]
fn a_site_is_the_same_where_its_line_moved_and_new_and_gone_ones_are_reported() {
    let before = history(&[
        ("src/mqtt.rs", 78, "publish", 3),
        ("src/web.rs", 12, "serve", 2),
        ("src/ui.rs", 5, "draw", 1),
    ]);
    let after = history(&[
        ("src/ui.rs", 5, "draw", 1),
        ("src/mqtt.rs", 81, "publish", 10),
        ("src/log.rs", 40, "flush", 4),
    ]);
    let compared = compared(&before, &after);
    let rows: Vec<_> = compared
        .sites
        .iter()
        .map(|row| {
            (
                row.name.as_str(),
                row.change(),
                row.before.is_some(),
                row.after.is_some(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("src/mqtt.rs:81 publish", 700, true, true),
            ("src/log.rs:40 flush", 400, false, true),
            ("src/web.rs:12 serve", -200, true, false),
            ("src/ui.rs:5 draw", 0, true, true),
        ]
    );
    let text = compared.to_string();
    for line in [
        "1,500 bytes are live at the end, 900 more than before; \
         the largest change is +700 bytes at src/mqtt.rs:81 publish.",
        "     600  1,500    +900  bytes live at the end",
        "     300  1,000    +700  +700      +7  src/mqtt.rs:81 publish",
        "       –    400    +400  +400      +4  src/log.rs:40 flush",
        "… and 1 site without a change",
    ] {
        assert!(text.contains(line), "{line}\n\n{text}");
    }
}

#[test]
fn owners_are_compared_by_name_and_not_by_number() {
    let before = history(&[("a.rs", 1, "a", 1), ("b.rs", 2, "b", 2)]);
    let mut after = before.clone();
    after.owners = [(0, "nobody".to_owned()), (1, "web".to_owned())].into();
    let compared = compared(&before, &after);
    let of = |name: &str| compared.owners.iter().find(|row| row.name == name).unwrap();
    assert_eq!(of("nobody").change(), 0);
    assert_eq!((of("web").change(), of("mqtt").change()), (200, -200));
    assert_eq!(of("web").before, None);
}

#[test]
fn two_equal_runs_differ_in_nothing() {
    let history = history(&[("a.rs", 1, "a", 1)]);
    let compared = compared(&history, &history);
    assert_eq!(
        compared.sites[0].after,
        Some(Figures {
            bytes: 100,
            blocks: 1,
            peak_bytes: 100,
            allocations: 1
        })
    );
    let text = compared.to_string();
    assert!(
        text.starts_with("As many bytes are live at the end: 100; no call site"),
        "{text}"
    );
    assert!(text.contains("By site: 1 site without a change"), "{text}");
}

#[test]
fn what_weakens_a_comparison_is_reported() {
    let before = history(&[("a.rs", 1, "a", 1)]);
    let mut after = history(&[("a.rs", 1, "a", 9)]);
    after.sites[1].frames.clear();
    after.gaps.dropped = 4;
    let text = compared(&before, &after).to_string();
    for caveat in [
        "new.log: call sites are addresses, which move with every build",
        "new.log is incomplete: events dropped by the program: 4",
        "one run is much longer than the other (1 and 9 events)",
    ] {
        assert!(text.contains(caveat), "{caveat}\n\n{text}");
    }
}
