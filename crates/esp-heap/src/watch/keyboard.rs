//! Keys that end the picture on a terminal.

use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// Returns whether `q`, Escape or Ctrl-C was pressed on a terminal in raw mode.
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
