//! One measured number.

/// Of whom, doing what, which quantity: the schema of all figures of this project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Which heap.
    pub subject: &'static str,
    /// Which workload.
    pub workload: &'static str,
    /// Which quantity.
    pub metric: &'static str,
    /// The number; means are in hundredths, see `metric`.
    pub value: u64,
}
