//! Costs of many calls of one kind: sum, worst, number.

use crate::figure::Quantity;

/// Sum, worst and number of calls.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Costs {
    sum: u64,
    worst: u32,
    calls: u64,
}

impl Costs {
    pub(crate) fn add(&mut self, cost: u32) {
        self.sum += u64::from(cost);
        self.worst = self.worst.max(cost);
        self.calls += 1;
    }

    /// Returns what one call costs.
    pub(crate) fn of(cost: u32) -> Self {
        let mut costs = Self::default();
        costs.add(cost);
        costs
    }

    /// Counts the calls of `other` too.
    pub(crate) fn join(&mut self, other: Costs) {
        self.sum += other.sum;
        self.worst = self.worst.max(other.worst);
        self.calls += other.calls;
    }

    /// Tells the mean and the worst, if there were calls.
    pub(crate) fn report(
        self,
        workload: &'static str,
        report: &mut dyn FnMut(&'static str, Quantity, u64),
    ) {
        if self.calls == 0 {
            return;
        }
        report(workload, Quantity::MeanX100, self.mean(100));
        report(workload, Quantity::Cost, self.mean(1));
        report(workload, Quantity::Worst, self.worst.into());
    }

    /// Tells the sum, and the worst of its calls.
    pub(crate) fn report_sum(
        self,
        workload: &'static str,
        report: &mut dyn FnMut(&'static str, Quantity, u64),
    ) {
        report(workload, Quantity::Cost, self.sum);
        report(workload, Quantity::Worst, self.worst.into());
    }

    /// `scale` times the mean, to the nearest; there were calls.
    fn mean(self, scale: u64) -> u64 {
        (self.sum * scale + self.calls / 2) / self.calls
    }
}

#[cfg(test)]
mod tests {
    use super::{Costs, Quantity};

    #[test]
    fn the_mean_is_rounded_to_the_nearest_and_the_worst_is_kept() {
        let mut costs = Costs::default();
        [100, 101, 101].into_iter().for_each(|cost| costs.add(cost));
        let mut reported = std::vec::Vec::new();
        costs.report("mix", &mut |_, quantity, value| {
            reported.push((quantity, value));
        });
        let expected = [
            (Quantity::MeanX100, 10_067),
            (Quantity::Cost, 101),
            (Quantity::Worst, 101),
        ];
        assert_eq!(reported, expected);
    }
}
