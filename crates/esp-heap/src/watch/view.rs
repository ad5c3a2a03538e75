//! The view: a picture on a terminal, or lines.

use std::time::{Duration, Instant};

use heap_report::watch::Watched;

use super::lines::Lines;
#[cfg(feature = "screen")]
use super::{keyboard, screen::Screen};
use esp_heap::error::Error;

/// The browser that shows it.
pub(crate) enum View {
    #[cfg(feature = "screen")]
    Screen(Box<Screen>),
    Lines(Lines),
}

impl View {
    /// Gives the terminal back, so that what is printed next stays on it.
    pub(crate) fn close(self) {}

    /// Returns the picture.
    #[cfg(feature = "screen")]
    pub(crate) fn on_terminal(_: Duration) -> Result<View, Error> {
        Ok(View::Screen(Box::new(Screen::open().map_err(unusable)?)))
    }

    /// Returns the lines, and how to get the picture.
    #[cfg(not(feature = "screen"))]
    pub(crate) fn on_terminal(every: Duration) -> Result<View, Error> {
        esp_heap::status!(
            "this build prints lines; for the live picture: cargo run --package esp-heap -- watch … (or cargo install --path crates/esp-heap)"
        );
        Ok(View::Lines(Lines::new(every)))
    }

    pub(crate) fn show(&mut self, watched: &Watched, now: Instant) -> Result<(), Error> {
        match self {
            #[cfg(feature = "screen")]
            View::Screen(screen) => screen.show(watched).map_err(unusable),
            View::Lines(lines) => lines.show(watched, now),
        }
    }

    /// The program's text: the screen has it in a frame of its own.
    pub(crate) fn text(&self, lines: &[String]) -> Result<(), Error> {
        match self {
            #[cfg(feature = "screen")]
            View::Screen(_) => Ok(()),
            View::Lines(_) => lines.iter().try_for_each(|line| Lines::text(line)),
        }
    }

    pub(crate) fn is_to_end(&self) -> bool {
        match self {
            #[cfg(feature = "screen")]
            View::Screen(_) => keyboard::wants_to_end(),
            View::Lines(_) => false,
        }
    }
}

#[cfg(feature = "screen")]
fn unusable(cause: std::io::Error) -> Error {
    Error::Failed(format!(
        "the terminal cannot be drawn on: {cause}; --plain prints lines"
    ))
}
