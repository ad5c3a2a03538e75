//! Poisoning levels as words of the command line.

use clap::ValueEnum;

/// What is written around and into blocks to find errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Poisoning {
    /// Nothing; blocks cost least
    None,
    /// A canary word before and after each block: finds overruns
    Light,
    /// Also fills free and fresh memory: finds writes after free
    Comprehensive,
}

impl Poisoning {
    /// From the cheapest.
    pub const ALL: [Self; 3] = [Self::None, Self::Light, Self::Comprehensive];

    /// Returns its name, as on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Light => "light",
            Self::Comprehensive => "comprehensive",
        }
    }
}

/// Calls a function that is generic over the poisoning type: `with_poison!(level, P => f::<P>(…))`.
#[doc(hidden)]
#[macro_export]
macro_rules! with_poison {
    ($level:expr, $poison:ident => $call:expr) => {
        match $level {
            $crate::poisoning::Poisoning::None => {
                type $poison = multi_heap::Unpoisoned;
                $call
            }
            $crate::poisoning::Poisoning::Light => {
                type $poison = multi_heap::Light;
                $call
            }
            $crate::poisoning::Poisoning::Comprehensive => {
                type $poison = multi_heap::Comprehensive;
                $call
            }
        }
    };
}
#[doc(inline)]
pub use with_poison;
