//! Frames of defmt, as a board's program sends them; see `tests/esp32.rs`.
