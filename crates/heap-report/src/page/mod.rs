//! Pages that a browser shows without any other file.
//!
//! ```text
//!   page/shared/   page.html, words, cursor, chart, style   what both pages have
//!   page/heap/     heap.html                                a simulated chip that serves a recorded program
//!   page/report/   report.html                              a program's history
//!   page/*.rs      what the scripts of report.html find in `data`, and how all of it becomes one text
//! ```

mod clock;
mod live_blocks;
mod numbers;
mod report;
mod template;
mod unknowns;

use std::fmt::{self, Write as _};

use template::Page;

use crate::history::History;
use crate::replay::Replayed;
use crate::simulate::recording::Recording;
use crate::summary::table::Table;
use crate::summary::{Summary, bytes, counted, grouped};
use report::Report;

/// One script of many files, each of which may use what stands in those before it; what both pages
/// use is first.
macro_rules! script {
    ($($file:literal)*) => {
        concat!(
            include_str!("shared/words.js"),
            include_str!("shared/cursor.js"),
            include_str!("shared/chart.js"),
            $(include_str!($file),)*
        )
    };
}

const HEAP: Page = Page {
    body: include_str!("heap/heap.html"),
    style: include_str!("shared/style.css"),
    script: script!("heap/recording.js" "heap/maps.js" "heap/charts.js" "heap/heap.js"),
};

const REPORT: Page = Page {
    body: include_str!("report/report.html"),
    style: concat!(
        include_str!("shared/style.css"),
        include_str!("report/report.css")
    ),
    script: script!(
        "report/data.js" "report/memory.js" "report/room.js" "report/map.js" "report/leaks.js" "report/between.js" "report/flame.js" "report/report.js"
    ),
};

/// Returns the text of `heap.html`: the recording of a replay.
///
/// # Errors
/// The recording cannot be written as JSON.
pub fn heap_page(recording: &Recording) -> serde_json::Result<String> {
    let title = format!("{} serves {}", recording.chip, recording.trace);
    let text = in_words(&title, recording).unwrap_or_default();
    HEAP.with(&title, &text, recording)
}

/// Returns a recording as text, for where scripts are switched off.
fn in_words(title: &str, recording: &Recording) -> Result<String, fmt::Error> {
    let mut text = format!(
        "{title}: {}\n",
        counted(recording.operations as u64, "operation")
    );
    writeln!(
        text,
        "  requests {}, policy {}, poisoning {}",
        recording.requests, recording.policy, recording.poison
    )?;
    writeln!(
        text,
        "  peak     {} asked for, at operation {}",
        bytes(recording.peak_bytes),
        grouped(recording.peak_operation as u64)
    )?;
    writeln!(
        text,
        "  end      {} in {}",
        bytes(recording.end_bytes),
        counted(recording.end_blocks as u64, "block")
    )?;
    writeln!(
        text,
        "  refused  {}",
        counted(recording.refused as u64, "request")
    )?;
    for sentence in &recording.refusals {
        writeln!(text, "    {sentence}")?;
    }
    let mut table = Table::new([
        "size",
        "used",
        "free",
        "largest",
        "holes",
        "heap at the end",
    ]);
    let at_end = |series: &[u64]| grouped(series.last().copied().unwrap_or(0));
    for heap in &recording.regions {
        table.row([
            grouped(heap.size.into()),
            at_end(&heap.used),
            at_end(&heap.free),
            grouped(heap.largest.last().copied().unwrap_or(0).into()),
            at_end(&heap.holes),
            format!("{} {:#010x}", heap.name, heap.start),
        ]);
    }
    write!(text, "\nHeaps, in bytes\n{table}")?;
    Ok(text)
}

/// Returns the text of `report.html`: what `replayed` made of `history`, for people.
///
/// It holds samples, and the blocks that are live at them, but no events: a long history makes no
/// long page.
///
/// # Errors
/// What there is to show cannot be written as JSON.
pub fn report_page(history: &History, replayed: &Replayed) -> serde_json::Result<String> {
    let title = match history.program.as_str() {
        "" => "Heap report".to_owned(),
        program => format!("Heap report: {program}"),
    };
    let text = Summary::new(history, replayed).to_string();
    REPORT.with(&title, &text, &Report::of(history, replayed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both() -> [String; 2] {
        let heap = heap_page(&Recording {
            chip: "ESP32".to_owned(),
            trace: "a </script> & more".to_owned(),
            ..Recording::default()
        });
        let history = History {
            program: "a </script> & more".to_owned(),
            ..History::default()
        };
        let report = report_page(&history, &Replayed::of(&history));
        [heap.unwrap(), report.unwrap()]
    }

    #[test]
    fn a_page_holds_title_style_data_and_script() {
        let [heap, report] = both();
        assert!(heap.contains("<title>ESP32 serves a &lt;/script&gt; &amp; more</title>"));
        assert!(heap.contains("\"chip\":\"ESP32\""));
        assert!(report.contains("<title>Heap report: a &lt;/script&gt; &amp; more</title>"));
        for page in [heap, report] {
            assert!(page.contains("--ground:") && page.contains("Memory over time"));
            assert!(!page.contains("{{"), "a placeholder is left");
        }
    }

    #[test]
    fn text_of_a_program_cannot_end_the_data() {
        for page in both() {
            assert_eq!(page.matches("</script>").count(), 2);
        }
    }

    #[test]
    fn a_page_loads_nothing_from_elsewhere() {
        for page in both() {
            let page = page.replace("http://www.w3.org/2000/svg", "");
            for reference in ["http://", "https://", "src=", "@import", "url("] {
                assert!(!page.contains(reference), "{reference}");
            }
        }
    }
}
