//! Does the person want to end it: a key on the terminal, or a signal?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::error::Error;

/// Whether a signal came that ends the program: Ctrl-C, a request to terminate.
#[derive(Clone)]
pub(crate) struct Signals(Arc<AtomicBool>);

impl Signals {
    /// From now on these signals end the program in its own way.
    pub(crate) fn heed() -> Result<Signals, Error> {
        let came = Arc::new(AtomicBool::new(false));
        let handler = Arc::clone(&came);
        ctrlc::set_handler(move || handler.store(true, Ordering::Relaxed))
            .map_err(|cause| Error::Failed(format!("signals cannot be heeded: {cause}")))?;
        Ok(Signals(came))
    }

    pub(crate) fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whether `q`, Escape or Ctrl-C was pressed on a terminal in raw mode.
pub(crate) fn wants_to_end() -> bool {
    let mut wants = false;
    while event::poll(Duration::ZERO).unwrap_or(false) {
        wants |= matches!(event::read(), Ok(Event::Key(key)) if ends(key));
    }
    wants
}

fn ends(key: KeyEvent) -> bool {
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind != KeyEventKind::Release
        && match key.code {
            KeyCode::Char('c') => is_control,
            KeyCode::Char('q') | KeyCode::Esc => true,
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_escape_and_control_c_end_it() {
        let pressed = |code, modifiers| ends(KeyEvent::new(code, modifiers));
        assert!(pressed(KeyCode::Char('q'), KeyModifiers::NONE));
        assert!(pressed(KeyCode::Esc, KeyModifiers::NONE));
        assert!(pressed(KeyCode::Char('c'), KeyModifiers::CONTROL));
        assert!(!pressed(KeyCode::Char('c'), KeyModifiers::NONE));
    }
}
