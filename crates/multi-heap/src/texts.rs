//! One table of sentences for `Display` and `defmt::Format`.

/// Implements `Display` and, where the crate's feature `defmt` is on, `defmt::Format` for a type: a
/// sentence for each pattern, with the values for its `{}`. For this repository's crates.
#[doc(hidden)]
#[macro_export]
macro_rules! texts {
    ($type:ty { $($pattern:pat => $text:tt $(, $value:expr)*;)+ }) => {
        impl ::core::fmt::Display for $type {
            fn fmt(&self, out: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                match *self {
                    $($pattern => ::core::write!(out, $text $(, $value)*),)+
                }
            }
        }

        #[cfg(feature = "defmt")]
        impl ::defmt::Format for $type {
            fn format(&self, out: ::defmt::Formatter<'_>) {
                match *self {
                    $($pattern => ::defmt::write!(out, $text $(, $value)*),)+
                }
            }
        }
    };
}
