//! Relief: what freed memory for a request before it was served or refused.
//!
//! Layers with locks run the program's shrinkers and release its emergency reserves
//! (`heap_caps_alloc`); this is their account of it, which becomes part of the
//! [`Failure`](crate::Failure).

use core::fmt;

/// How many sources a record names one by one; what is beyond is counted.
pub const RELIEF_STEPS: usize = 4;

/// One source of memory that was asked to free some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReliefStep {
    /// Its name.
    pub name: &'static str,
    /// How often it was asked.
    pub calls: u16,
    /// Bytes that it says it freed, in all calls.
    pub bytes: u32,
}

/// What was tried for one request, in order. `Copy`, of fixed size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relief {
    steps: [Option<ReliefStep>; RELIEF_STEPS],
    not_described: u8,
}

impl Default for Relief {
    fn default() -> Self {
        Self::NONE
    }
}

impl Relief {
    /// Nothing was tried.
    pub const NONE: Self = Self {
        steps: [None; RELIEF_STEPS],
        not_described: 0,
    };

    /// Adds what a call of the source called `name` freed. Calls of one source in a row become
    /// one step.
    pub fn add(&mut self, name: &'static str, bytes: u32) {
        let last = self.steps.iter_mut().flatten().next_back();
        if let Some(last) = last
            && last.name == name
            && self.not_described == 0
        {
            last.calls = last.calls.saturating_add(1);
            last.bytes = last.bytes.saturating_add(bytes);
            return;
        }
        match self.steps.iter_mut().find(|step| step.is_none()) {
            Some(step) => {
                *step = Some(ReliefStep {
                    name,
                    calls: 1,
                    bytes,
                });
            }
            None => self.not_described = self.not_described.saturating_add(1),
        }
    }

    /// Returns the sources that were asked, in order.
    pub fn steps(&self) -> impl Iterator<Item = ReliefStep> + '_ {
        self.steps.iter().flatten().copied()
    }

    /// Returns how many more calls there were than the record describes.
    #[must_use]
    pub const fn not_described(&self) -> u8 {
        self.not_described
    }

    /// Returns whether nothing was tried.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.iter().all(Option::is_none)
    }
}

/// `tiles gave 12.0 KiB in 3 calls, history gave nothing`
impl fmt::Display for Relief {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps().enumerate() {
            if index > 0 {
                out.write_str(", ")?;
            }
            let ReliefStep { name, calls, bytes } = step;
            match bytes {
                0 => write!(out, "{name} gave nothing")?,
                _ => write!(
                    out,
                    "{name} gave {}",
                    crate::sentence::Bytes(bytes as usize)
                )?,
            }
            if calls > 1 {
                write!(out, " in {calls} calls")?;
            }
        }
        match self.not_described {
            0 => Ok(()),
            more => write!(out, ", {more} more calls"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn calls_of_one_source_are_summed_and_the_fifth_source_is_counted() {
        let mut relief = Relief::NONE;
        assert!(relief.is_empty());
        for bytes in [4096, 8192, 0] {
            relief.add("tiles", bytes);
        }
        relief.add("history", 0);
        assert_eq!(
            relief.to_string(),
            "tiles gave 12.0 KiB in 3 calls, history gave nothing"
        );
        relief.add("log", 1);
        relief.add("tiles", 100);
        relief.add("log", 1);
        relief.add("tiles", 1);
        assert_eq!((relief.steps().count(), relief.not_described()), (4, 2));
        assert!(
            relief
                .to_string()
                .ends_with("tiles gave 100 B, 2 more calls")
        );
    }
}
