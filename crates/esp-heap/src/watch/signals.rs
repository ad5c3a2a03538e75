//! Signals that end the program: Ctrl-C, and requests to terminate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use esp_heap::error::Error;

/// Flag that the handler of these signals sets.
#[derive(Clone)]
pub(crate) struct StopSignal(Arc<AtomicBool>);

impl StopSignal {
    /// Installs the handler; from now on these signals end the program in its own way.
    pub(crate) fn install() -> Result<StopSignal, Error> {
        let received = Arc::new(AtomicBool::new(false));
        let handler = Arc::clone(&received);
        ctrlc::set_handler(move || handler.store(true, Ordering::Relaxed)).map_err(|cause| {
            Error::Failed(format!("cannot install the Ctrl-C handler: {cause}"))
        })?;
        Ok(StopSignal(received))
    }

    /// Returns whether a signal has arrived.
    pub(crate) fn is_received(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
