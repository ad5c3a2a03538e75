//! `esp-heap watch`: a program's heap, live.

use std::fs;
use std::io::{IsTerminal as _, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use heap_report::summary::{bytes, counted, grouped};
use heap_report::symbols::{Identities, Symbols};
use heap_report::verdict::VerdictKind;
use heap_report::watch::Watched;

use super::NO_VERDICT;
use crate::watch::lines::Lines;
use crate::watch::server::Server;
use crate::watch::signals::StopSignal;
use crate::watch::source::{Arrived, Source};
use crate::watch::view::View;
use esp_heap::error::Error;
use esp_heap::{status, style};

/// Watch a program's heap live: its event stream from a board's port, a growing file or a pipe
#[derive(clap::Args)]
#[command(after_help = "\
On a terminal the picture is redrawn in place; anywhere else (a pipe, CI) a line is printed every few seconds, and \
the program's own text is passed through. Frames may come as they are, or as lines `events<tab>hexadecimal digits`, with text in between. \
Fragmentation and largest free blocks are rebuilt from what is live, not measured.

It ends with a summary: on q or Ctrl-C, at the end of standard input, or after --idle seconds of silence.

Examples:
  esp-heap watch /dev/ttyUSB0
  esp-heap watch events.log                            follows the file as it grows
  cargo xtask qemu --bin events | esp-heap watch -
  esp-heap watch /dev/ttyUSB0 --elf FIRMWARE           with functions and lines
  esp-heap watch /dev/ttyUSB0 --prometheus 9100        serves http://127.0.0.1:9100/metrics meanwhile
  esp-heap watch /dev/ttyUSB0 --idle 30 | tee heap.log a board in CI

Exit codes: 0 it was watched to its end, 1 there was no event in it, 5 the file cannot be read, or too much of the stream is missing for a verdict, 8 the port is absent, busy or silent, or was lost.")]
pub(crate) struct Arguments {
    /// The board's port, a file, or - for standard input
    #[arg(value_name = "PORT|FILE|-")]
    from: String,
    /// Bits a second of the port
    #[arg(long, default_value_t = 115_200)]
    baud: u32,
    /// Seconds between two lines where there is no terminal
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    every: f64,
    /// End when nothing has come for so long; 0: at the end of the file as it is now [default:
    /// never]
    #[arg(long, value_name = "SECONDS")]
    idle: Option<f64>,
    /// The linked program that runs: return addresses become functions and lines
    #[arg(long, value_name = "FILE")]
    elf: Option<PathBuf>,
    /// Serve the metrics in Prometheus's text format on this port of 127.0.0.1; 0: on any that is
    /// free
    #[arg(long, value_name = "PORT")]
    prometheus: Option<u16>,
    /// Print lines on a terminal, too
    #[arg(long)]
    plain: bool,
}

/// How often the picture is drawn.
const STEP: Duration = Duration::from_millis(100);
/// How often the metrics are rewritten: scrapes come every few seconds.
const SCRAPED: Duration = Duration::from_secs(1);
/// After so long without a byte a line of text is not the beginning of a frame.
const PAUSE: Duration = Duration::from_millis(200);

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let every = seconds(arguments.every)?;
    let idle = arguments.idle.map(seconds).transpose()?;
    let (mut watched, program) = arguments.watched()?;
    let source = Source::open(&arguments.from, arguments.baud)?;
    let signals = StopSignal::install()?;
    let server = arguments.prometheus.map(Server::listen).transpose()?;
    if let Some(server) = &server {
        status!("metrics: http://{}/metrics", server.address);
    }
    let mut view = if stdout().is_terminal() && !arguments.plain {
        View::on_terminal(every)?
    } else {
        View::Lines(Lines::new(every))
    };
    let mut views = Views {
        view: &mut view,
        server: server.as_ref(),
        served: None,
        program: program.as_ref(),
        warned: None,
    };
    let end = watch(&source, &signals, idle, &mut views, &mut watched);
    let warned = views.warned;
    view.close();
    if let Some(warning) = warned {
        style::print(format!("{warning}\n"))?;
    }
    style::print(summary(&watched))?;
    verdict(&source, &watched, end?)
}

impl Arguments {
    /// Returns the receiver, and the path of the program's ELF file.
    fn watched(&self) -> Result<(Watched, Option<Identities>), Error> {
        let Some(elf) = &self.elf else {
            return Ok((Watched::new(), None));
        };
        let program = fs::read(elf).map_err(|cause| Error::file(elf, cause))?;
        let root = std::env::current_dir().unwrap_or_default();
        let symbols = Symbols::parse(&program, &root).map_err(|cause| Error::file(elf, cause))?;
        Ok((
            Watched::with_symbols(symbols),
            Some(Identities::of_program(&program)),
        ))
    }
}

fn seconds(number: f64) -> Result<Duration, Error> {
    Duration::try_from_secs_f64(number)
        .map_err(|_| Error::Usage(format!("{number} is no number of seconds")))
}

/// The screen that shows the state.
struct Views<'a> {
    view: &'a mut View,
    server: Option<&'a Server>,
    /// When the metrics were written last.
    served: Option<Instant>,
    /// What the ELF file is called.
    program: Option<&'a Identities>,
    /// That the program is another one.
    warned: Option<String>,
}

impl Views<'_> {
    /// Returns the warning that the ELF file is not of the program that speaks, when that turns
    /// out.
    fn newly_wrong(&mut self, watched: &Watched) -> Option<String> {
        let build = watched.history().build.as_ref()?;
        let cause = self.program?.contradiction(build)?;
        let warning = format!("--elf: {cause}; names and lines below are wrong");
        let is_new = self.warned.as_ref() != Some(&warning);
        is_new.then(|| self.warned.insert(warning).clone())
    }

    fn show(&mut self, watched: &mut Watched, now: Instant) -> Result<(), Error> {
        let is_due = |last: Instant| now.duration_since(last) >= SCRAPED;
        if let Some(server) = self.server.filter(|_| self.served.is_none_or(is_due)) {
            server.serve(watched.prometheus());
            self.served = Some(now);
        }
        self.view.show(watched, now)
    }
}

/// Why it ended.
enum End {
    Wanted,
    Silence,
    Complete,
    Lost(String),
}

fn watch(
    source: &Source,
    signals: &StopSignal,
    idle: Option<Duration>,
    views: &mut Views<'_>,
    watched: &mut Watched,
) -> Result<End, Error> {
    let start = Instant::now();
    let (mut received, mut drawn) = (start, None);
    let end = loop {
        let arrived = source.arrivals.recv_timeout(STEP);
        let now = Instant::now();
        let seconds = now.duration_since(start).as_secs_f64();
        let mut text = Vec::new();
        let mut keep = |line: &str| text.push(line.to_owned());
        let end = match arrived {
            Ok(Arrived::Bytes(bytes)) if !bytes.is_empty() => {
                received = now;
                watched.push(&bytes, seconds, &mut keep);
                None
            }
            Ok(Arrived::Bytes(_)) | Err(RecvTimeoutError::Timeout) => {
                if now.duration_since(received) >= PAUSE {
                    watched.pause(seconds, &mut keep);
                }
                idle.is_some_and(|idle| now.duration_since(received) >= idle)
                    .then_some(End::Silence)
            }
            Ok(Arrived::End) | Err(RecvTimeoutError::Disconnected) => Some(End::Complete),
            Ok(Arrived::Lost(cause)) => Some(End::Lost(cause)),
        };
        if end.is_some() {
            watched.end(seconds, &mut keep);
        }
        text.extend(views.newly_wrong(watched));
        views.view.text(&text)?;
        if let Some(end) = end {
            break end;
        }
        if drawn.is_none_or(|drawn| now.duration_since(drawn) >= STEP) {
            views.show(watched, now)?;
            drawn = Some(now);
        }
        if signals.is_received() || views.view.is_to_end() {
            break End::Wanted;
        }
    };
    Ok(end)
}

/// Returns how it stands at the end.
fn summary(watched: &Watched) -> String {
    const NAMED: usize = 10;
    let mut text = format!("{}\n{watched}\n", watched.verdict().sentence);
    for (title, standings) in [("owners", watched.owners()), ("sites", watched.sites())] {
        let live = standings
            .iter()
            .filter(|standing| standing.account.bytes > 0);
        let lines = live.take(NAMED).map(|standing| {
            let account = &standing.account;
            format!(
                "  {:>16} in {:>12}, peak {:>11}  {}\n",
                bytes(account.bytes),
                counted(account.blocks, "block"),
                grouped(account.peak_bytes),
                standing.name
            )
        });
        text.push_str(&format!("{title} with most bytes live:\n"));
        text.extend(lines);
    }
    let failures = watched.failures().map(|note| {
        let owner = watched.history().owner_name(note.owner);
        format!(
            "refused: {}, {}, for {owner}: {}\n",
            bytes(note.size.into()),
            note.caps,
            note.sentence
        )
    });
    text.extend(failures);
    text
}

fn verdict(source: &Source, watched: &Watched, end: End) -> Result<ExitCode, Error> {
    match end {
        End::Lost(cause) if source.is_port => Err(Error::Port(cause)),
        End::Lost(cause) => Err(Error::File { name: "input".to_owned(), cause }),
        End::Silence if source.is_port && watched.events() == 0 => {
            Err(Error::Port("the board is silent: no event came; does its program send an event stream to this port, at this speed (--baud)?".to_owned()))
        }
        End::Silence | End::Complete if watched.events() == 0 => {
            Err(Error::Failed("there is no event in it: `esp-heap report` reads trace dumps and packed files; docs/event-stream.md has what a program sends".to_owned()))
        }
        End::Silence | End::Complete if watched.verdict().kind == VerdictKind::CannotTell => {
            Ok(ExitCode::from(NO_VERDICT))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
