//! Signals that end the program: Ctrl-C, a request to terminate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use esp_heap::error::Error;

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
