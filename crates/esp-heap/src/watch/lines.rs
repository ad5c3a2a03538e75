//! Output of `watch` into a pipe: the program's text, and a line about its heap every few seconds.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use heap_report::terminal::printable;
use heap_report::watch::Watched;

use esp_heap::error::Error;

/// Standard output that is no terminal.
pub(crate) struct Lines {
    every: Duration,
    /// When the last line was written, and after how many events.
    last: Option<(Instant, usize)>,
}

impl Lines {
    pub(crate) fn new(every: Duration) -> Lines {
        Lines { every, last: None }
    }

    /// A line of the program's text.
    pub(crate) fn text(line: &str) -> Result<(), Error> {
        write(&printable(line))
    }

    /// A line about the heap if it is time and something happened.
    pub(crate) fn show(&mut self, watched: &Watched, now: Instant) -> Result<(), Error> {
        let (then, events) = *self.last.get_or_insert((now, 0));
        if now.duration_since(then) < self.every || watched.events() == events {
            return Ok(());
        }
        self.last = Some((now, watched.events()));
        write(&format!("heap: {watched}"))
    }
}

/// A reader that has seen enough is no failure: the exit code is that of the pipe's other end.
fn write(line: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::file(Path::new("standard output"), cause))
        }
        _ => Ok(()),
    }
}
