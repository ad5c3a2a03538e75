//! The picture on a terminal.
//!
//! ```text
//!   esp32 events, 12.30 s, 610 events                        q ends
//!   45,312 bytes in 120 blocks, peak 60,000; +230/s −228/s; mark: idle
//!   ▂▃▅▆▆▅▅▇▇▆                                               live bytes over time
//!   ┌ owners ──────────────┐┌ sites ─────────────────────────┐
//!   │ mqtt ███████ 12,000  ││ src/mqtt.rs:78 publish ███ 9,000│
//!   └──────────────────────┘└────────────────────────────────┘
//!   ┌ heaps (rebuilt) ────────────────────────────────────────┐
//!   │ DRAM ██████░░░░ 45,312 of 180,000; largest free 50,000   │
//!   ┌ refused: 2 ──────────┐┌ log ───────────────────────────┐
//! ```

use heap_report::summary::{bytes, counted, grouped};
use std::collections::VecDeque;
use std::io;

use heap_report::export::missing;
use heap_report::verdict::VerdictKind;
use heap_report::watch::{OwnerUsage, Watched};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Sparkline, Wrap};
use ratatui::{DefaultTerminal, Frame};

/// A terminal that shows the picture; dropping this restores it.
pub(crate) struct Screen {
    terminal: DefaultTerminal,
    curve: Curve,
}

/// Live bytes at the last refreshes of the screen.
#[derive(Default)]
struct Curve(VecDeque<u64>);

impl Curve {
    const LONGEST: usize = 512;

    fn note(&mut self, bytes: u64) {
        if self.0.len() == Self::LONGEST {
            self.0.pop_front();
        }
        self.0.push_back(bytes);
    }

    /// Returns the last samples, as many as there are columns.
    fn last(&self, columns: u16) -> Vec<u64> {
        let skipped = self.0.len().saturating_sub(columns.into());
        self.0.iter().skip(skipped).copied().collect()
    }
}

impl Screen {
    pub(crate) fn open() -> io::Result<Screen> {
        let terminal = ratatui::try_init()?;
        Ok(Screen {
            terminal,
            curve: Curve::default(),
        })
    }

    pub(crate) fn show(&mut self, watched: &Watched) -> io::Result<()> {
        self.curve.note(watched.total().bytes);
        let curve = &self.curve;
        self.terminal
            .draw(|frame| draw(frame, watched, curve))
            .map(drop)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

fn draw(frame: &mut Frame<'_>, watched: &Watched, curve: &Curve) {
    let heaps = u16::try_from(watched.history().heaps.len())
        .unwrap_or(u16::MAX)
        .min(8);
    let rows = [
        Constraint::Length(head_rows(watched, frame.area().width)),
        Constraint::Length(3),
        Constraint::Fill(2),
        Constraint::Length(if heaps > 0 { heaps + 2 } else { 0 }),
        Constraint::Fill(1),
    ];
    let [head, curve_at, holders, heaps, last] = Layout::vertical(rows).areas(frame.area());
    frame.render_widget(headline(watched), head);
    let bytes = curve.last(curve_at.width);
    frame.render_widget(
        Sparkline::default().data(bytes).style(Color::Cyan),
        curve_at,
    );
    let [owners, sites] =
        Layout::horizontal([Constraint::Fill(2), Constraint::Fill(3)]).areas(holders);
    draw_standings(frame, owners, "owners", &watched.owners());
    draw_standings(frame, sites, "sites", &watched.sites());
    draw_heaps(frame, heaps, watched);
    let [failures, log] =
        Layout::horizontal([Constraint::Fill(2), Constraint::Fill(3)]).areas(last);
    draw_failures(frame, failures, watched);
    draw_log(frame, log, watched);
}

/// Title, figures, gaps, and as many rows as the verdict needs.
fn head_rows(watched: &Watched, columns: u16) -> u16 {
    const MOST_ROWS: usize = 9;
    let letters = watched.verdict().sentence.chars().count();
    // Words that do not fit go to the next row: about a tenth of the columns stays empty.
    let columns = usize::from(columns.saturating_sub(columns / 10).max(1));
    let rows = (3 + letters.div_ceil(columns)).min(MOST_ROWS);
    u16::try_from(rows).unwrap_or(6)
}

fn headline(watched: &Watched) -> Paragraph<'_> {
    let (total, rate) = (watched.total(), watched.rate());
    let program = match watched.history().program.as_str() {
        "" => "waiting for the program to say who it is",
        name => name,
    };
    let time = watched
        .seconds()
        .map_or_else(String::new, |seconds| format!(", {seconds:.2} s"));
    let mark = watched
        .last_mark()
        .map_or_else(String::new, |mark| format!("; mark: {mark}"));
    let restarts = match watched.restarts() {
        0 => String::new(),
        times => format!("; restarted {}", counted(times as u64, "time")),
    };
    let about = format!(
        "{program}{time}, {}{restarts}",
        counted(watched.events() as u64, "event")
    );
    let now = format!(
        "{} in {}, peak {}; +{:.0}/s −{:.0}/s{mark}",
        bytes(total.bytes),
        counted(total.blocks, "block"),
        grouped(total.peak_bytes),
        rate.allocations,
        rate.frees
    );
    let gaps = match missing(&watched.gaps()) {
        Some(missing) => Line::from(format!("incomplete: {missing}")).red().bold(),
        None => Line::from("nothing is missing").dim(),
    };
    let title = Line::from(vec![about.bold(), "   q ends".dim()]);
    let verdict = watched.verdict();
    let sentence = match verdict.kind {
        VerdictKind::Healthy => Line::from(verdict.sentence),
        _ => Line::from(verdict.sentence).yellow().bold(),
    };
    Paragraph::new(vec![title, Line::from(now), gaps, sentence]).wrap(Wrap { trim: true })
}

/// Columns that a name gets at least, if it is that long.
const LEAST_NAME: usize = 18;

/// A line for each, with a bar as long as its share of the largest.
fn draw_standings(frame: &mut Frame<'_>, area: Rect, title: &str, standings: &[OwnerUsage]) {
    let block = Block::bordered().title(format!(" {title} "));
    let inner = block.inner(area);
    let most = standings.first().map_or(0, |first| first.account.bytes);
    let lines: Vec<Line<'_>> = standings
        .iter()
        .take(inner.height.into())
        .map(|standing| standing_line(standing, most, inner.width))
        .collect();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn standing_line(standing: &OwnerUsage, most: u64, columns: u16) -> Line<'static> {
    let account = &standing.account;
    let (columns, now) = (usize::from(columns), format!(" {}", grouped(account.bytes)));
    let blocks = format!("{now} in {}", grouped(account.blocks));
    let peak = format!("{blocks}, peak {}", grouped(account.peak_bytes));
    // The name is what one looks for: as many figures as leave it room, and each of them whole.
    let least = standing.name.chars().count().min(LEAST_NAME) + 1;
    let fits = |figures: &&String| figures.chars().count() + least <= columns;
    let figures = [&peak, &blocks, &now]
        .into_iter()
        .find(fits)
        .cloned()
        .unwrap_or_default();
    let room = columns.saturating_sub(figures.chars().count());
    let name_room = (room * 2 / 3).max(least).min(room);
    let bar = bar(account.bytes, most, room - name_room);
    Line::from(vec![
        Span::from(format!(
            "{:name_room$}",
            end_of(&standing.name, name_room.saturating_sub(1))
        )),
        Span::styled(bar, Color::Cyan),
        Span::from(figures),
    ])
}

fn draw_heaps(frame: &mut Frame<'_>, area: Rect, watched: &Watched) {
    let block = Block::bordered().title(" heaps, rebuilt from the blocks that are live ");
    let width = block.inner(area).width;
    let described = watched.history().heaps.iter();
    let lines: Vec<Line<'_>> = described
        .zip(watched.heaps())
        .map(|(heap, sample)| {
            let used = format!(
                " {} of {}",
                grouped(sample.used.into()),
                grouped(heap.size.into())
            );
            let largest = format!("{used}; largest {}", grouped(sample.largest_free.into()));
            let fragmentation = sample.fragmentation() * 100.0;
            let free = grouped(sample.largest_free.into());
            let all = format!("{used}; largest free {free}, fragmentation {fragmentation:.0} %");
            let name = format!("{:12} {:08X} ", end_of(&heap.name, 12), heap.start);
            let columns = usize::from(width).saturating_sub(name.chars().count());
            let fits = |figures: &String| figures.chars().count() <= columns;
            let figures = [all, largest, used].into_iter().find(fits);
            let figures = figures.unwrap_or_else(|| "…".to_owned());
            let room = columns.saturating_sub(figures.chars().count());
            let bar = bar(sample.used.into(), heap.size.into(), room);
            Line::from(vec![
                Span::from(name),
                Span::styled(bar, Color::Cyan),
                Span::from(figures),
            ])
        })
        .collect();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn draw_failures(frame: &mut Frame<'_>, area: Rect, watched: &Watched) {
    let failed = watched.failed();
    let style = if failed > 0 {
        Style::new().red()
    } else {
        Style::new()
    };
    let block = Block::bordered().title(Span::styled(format!(" refused: {failed} "), style));
    let inner = block.inner(area);
    let lines = watched.failures().rev().take(inner.height.into());
    let lines: Vec<Line<'_>> = lines
        .map(|note| {
            let owner = watched.history().owner_name(note.owner);
            let size = bytes(note.size.into());
            let line = format!("{size}, {}, {owner}: {}", note.caps, note.sentence);
            Line::from(start_of(&line, inner.width.into()))
        })
        .collect();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn draw_log(frame: &mut Frame<'_>, area: Rect, watched: &Watched) {
    let block = Block::bordered().title(" log ");
    let inner = block.inner(area);
    let last = watched.log().rev().take(inner.height.into());
    let mut lines: Vec<Line<'_>> = last.map(|line| log_line(line, inner.width)).collect();
    lines.reverse();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

/// Colours of the program's log would colour the picture.
fn log_line(line: &str, columns: u16) -> Line<'_> {
    let plain = anstream::adapter::strip_str(line).to_string();
    Line::from(start_of(&plain, columns.into()))
}

fn bar(value: u64, most: u64, columns: usize) -> String {
    let full = columns.saturating_sub(1) as u64;
    let columns = (value * full).div_ceil(most.max(1)).min(full);
    format!(
        "{:1$}",
        "█".repeat(usize::try_from(columns).unwrap_or(0)),
        usize::try_from(full).unwrap_or(0)
    )
}

/// Returns the end of a name, which says most: file and line.
fn end_of(name: &str, columns: usize) -> String {
    let letters = name.chars().count();
    if letters > columns {
        std::iter::once('…')
            .chain(name.chars().skip(letters + 1 - columns.max(1)))
            .collect()
    } else {
        name.to_owned()
    }
}

/// Returns the start of a sentence, with a mark where it is cut.
fn start_of(text: &str, columns: usize) -> String {
    if text.chars().count() > columns {
        text.chars()
            .take(columns.saturating_sub(1))
            .chain(std::iter::once('…'))
            .collect()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use heap_trace::{Event, Owner, SiteNumber, Stream};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use soc_regions::Caps;

    fn watched(events: &[Event<'_>], text: &str) -> Watched {
        let mut bytes = text.as_bytes().to_vec();
        let mut stream = Stream::new(|frame: &[u8]| {
            bytes.extend(frame);
            true
        });
        (1..)
            .zip(events)
            .for_each(|(ticks, event)| assert!(stream.emit(ticks * 500, event)));
        let mut watched = Watched::new();
        watched.push(&bytes, 0.0, &mut |_| ());
        watched
    }

    fn program() -> Watched {
        let allocated = |address, size, owner| Event::Allocated {
            address,
            size,
            site: SiteNumber(0),
            owner: Owner(owner),
        };
        let events = [
            Event::Program {
                ticks_per_second: 1000,
                name: "tiny",
            },
            Event::OwnerName {
                owner: Owner(1),
                name: "mqtt",
            },
            Event::Heap {
                index: 0,
                start: 0x3FFB_0000,
                size: 8192,
                caps: Caps::DMA,
                name: "DRAM",
            },
            allocated(0x3FFB_0004, 1000, 0),
            allocated(0x3FFB_1004, 3000, 1),
            Event::Failed {
                size: 6000,
                caps: Caps::DMA,
                owner: Owner(1),
            },
        ];
        watched(&events, "I (3) \x1B[32mwifi\x1B[0m: up\n")
    }

    fn picture(watched: &Watched, columns: u16, rows: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        let mut curve = Curve::default();
        curve.note(watched.total().bytes);
        terminal.draw(|frame| draw(frame, watched, &curve)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn the_picture_has_totals_owners_sites_heaps_failures_and_the_log() {
        let picture = picture(&program(), 110, 30);
        for words in [
            "tiny, 3.00 s, 3 events",
            "4,000 bytes in 2 blocks, peak 4,000",
            "nothing is missing",
            " 3,000 in 1, peak 3,000",
            "DRAM         3FFB0000 ",
            " 4,000 of 8,192; largest free 3,088, fragmentation 26 %",
            "refused: 1",
            "6,000 bytes, DMA, mqtt: no",
            "I (3) wifi: up",
        ] {
            assert!(picture.contains(words), "{words}\n{picture}");
        }
        let mqtt = picture.find("mqtt").unwrap();
        assert!(
            mqtt < picture.find("nobody").unwrap(),
            "whoever has most comes first\n{picture}"
        );
    }

    #[test]
    fn at_80_columns_the_name_is_whole_and_no_figure_is_cut() {
        let standing = OwnerUsage {
            name: "src/mqtt/session.rs:78 remember".to_owned(),
            account: heap_report::Account {
                bytes: 12_345_678,
                blocks: 1234,
                peak_bytes: 12_345_678,
                ..heap_report::Account::default()
            },
        };
        let line = |columns| standing_line(&standing, 12_345_678, columns).to_string();
        assert!(
            line(46).contains("session.rs:78 remember") || line(46).contains("…"),
            "{}",
            line(46)
        );
        assert!(
            line(46).contains("rs:78 remember") && line(46).ends_with(" 12,345,678 in 1,234"),
            "{}",
            line(46)
        );
        assert!(
            line(30).ends_with(" 12,345,678") && line(30).contains("remember"),
            "{}",
            line(30)
        );
        assert!(
            line(20).contains("remember") && !line(20).contains("12"),
            "{}",
            line(20)
        );
    }

    #[test]
    fn at_80_by_24_the_culprit_is_named_and_what_is_cut_has_a_mark() {
        let picture = picture(&program(), 80, 24);
        assert!(picture.contains("mqtt"), "{picture}");
        assert!(picture.contains("fragmentation 26 %"), "{picture}");
        let refused = picture
            .lines()
            .find(|line| line.contains("6,000 bytes, DMA"));
        assert!(refused.is_some_and(|line| line.contains('…')), "{picture}");
        let (head, _) = picture.split_once("owners").unwrap();
        let words: Vec<&str> = head
            .split(['"', '\n', ' '])
            .filter(|word| !word.is_empty())
            .collect();
        let sentence = program().verdict().sentence;
        let whole: Vec<&str> = sentence.split(' ').collect();
        assert!(
            words.windows(whole.len()).any(|part| part == whole),
            "the verdict is whole\n{picture}"
        );
    }

    #[test]
    fn a_heap_has_as_many_figures_as_fit_whole() {
        let narrow = picture(&program(), 60, 24);
        assert!(
            narrow.contains(" 4,000 of 8,192; largest 3,088 │"),
            "{narrow}"
        );
        let narrower = picture(&program(), 44, 24);
        assert!(narrower.contains(" 4,000 of 8,192 │"), "{narrower}");
    }

    #[test]
    fn a_program_that_has_said_nothing_is_waited_for() {
        let picture = picture(&Watched::new(), 80, 24);
        assert!(
            picture.contains("waiting for the program to say who it is"),
            "{picture}"
        );
    }

    #[test]
    fn no_terminal_is_too_small() {
        for (columns, rows) in [(1, 1), (10, 3), (30, 8), (300, 100)] {
            assert!(!picture(&program(), columns, rows).is_empty());
        }
    }

    #[test]
    fn gaps_are_in_the_picture() {
        let picture = picture(
            &watched(
                &[Event::Freed {
                    address: 0x3FFB_0000,
                }],
                "",
            ),
            110,
            30,
        );
        assert!(
            picture.contains("incomplete: frees of blocks never seen: 1"),
            "{picture}"
        );
    }

    #[test]
    fn bars_are_as_long_as_the_share() {
        assert_eq!(
            ["█████", "███  ", "     "],
            [bar(100, 100, 6), bar(50, 100, 6), bar(0, 100, 6)].map(|bar| bar)
        );
        assert_eq!(bar(5, 0, 0), "");
    }

    #[test]
    fn numbers_and_names_are_made_to_be_read() {
        assert_eq!(
            [grouped(0), grouped(999), grouped(1000), grouped(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            (end_of("src/mqtt.rs:78", 6), end_of("web", 6)),
            ("…rs:78".to_owned(), "web".to_owned())
        );
    }
}
