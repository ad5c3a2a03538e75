//! Search for the smallest size that works, where a bigger one may fail.
//!
//! Whether a trace completes is not monotonic in the size of the heap: four bytes more move a
//! block to another list, and the trace may go worse. So the search is in three steps:
//!
//! ```text
//!   lower bound ────────────── sizes ──────────────────────►
//!   1 grow     fails  fails   works                     double the step until a size works
//!   2 bisect   fails │ works                            between the last failure and it
//!   3 probe    ·  ·  ·  ·  ·  │                         PROBES sizes over the PROBED_SHARE below
//!                 └ works: bisect below it, probe again
//! ```
//! The result works; no smaller size *that was tried* does.

/// Every size is a multiple of this many bytes.
pub const STEP: u32 = 4;
/// Sizes tried below a candidate, evenly spread.
pub const PROBES: u32 = 48;
/// The probed sizes reach this share of the candidate below it, in percent.
pub const PROBED_PERCENT: u32 = 3;

/// Returns the smallest size found between `lower` and `upper`, both in bytes, for which `works`.
///
/// # Errors
/// What `works` answers with, at once.
pub fn smallest<E>(
    lower: u32,
    upper: u32,
    mut works: impl FnMut(u32) -> Result<bool, E>,
) -> Result<Option<u32>, E> {
    let lower = lower.next_multiple_of(STEP);
    let Some(mut bracket) = grow(lower, upper, &mut works)? else {
        return Ok(None);
    };
    loop {
        let candidate = bisect(bracket, &mut works)?;
        match probe_below(lower, candidate, &mut works)? {
            Some(lower_bracket) => bracket = lower_bracket,
            None => return Ok(Some(candidate)),
        }
    }
}

/// Two sizes: the smaller one fails or was not tried, the greater one works.
#[derive(Clone, Copy)]
struct Bracket {
    below: u32,
    works: u32,
}

fn grow<E>(
    lower: u32,
    upper: u32,
    works: &mut impl FnMut(u32) -> Result<bool, E>,
) -> Result<Option<Bracket>, E> {
    let mut below = lower.saturating_sub(STEP);
    let mut size = lower;
    let mut step = (lower / 32).next_multiple_of(STEP).max(STEP);
    while size <= upper {
        if works(size)? {
            return Ok(Some(Bracket { below, works: size }));
        }
        below = size;
        size = size.saturating_add(step);
        step = step.saturating_mul(2);
    }
    Ok(None)
}

fn bisect<E>(
    mut bracket: Bracket,
    works: &mut impl FnMut(u32) -> Result<bool, E>,
) -> Result<u32, E> {
    while bracket.works - bracket.below > STEP {
        let middle = bracket.below + (bracket.works - bracket.below) / 2 / STEP * STEP;
        if works(middle)? {
            bracket.works = middle;
        } else {
            bracket.below = middle;
        }
    }
    Ok(bracket.works)
}

/// Returns a bracket below `candidate`, if one of the probed sizes works; the smallest such one.
fn probe_below<E>(
    lower: u32,
    candidate: u32,
    works: &mut impl FnMut(u32) -> Result<bool, E>,
) -> Result<Option<Bracket>, E> {
    let reach = candidate / 100 * PROBED_PERCENT;
    let stride = (reach / PROBES).next_multiple_of(STEP).max(STEP);
    for probe in (1..=PROBES).rev() {
        let size = candidate.saturating_sub(probe * stride);
        if size >= lower && works(size)? {
            return Ok(Some(Bracket {
                below: size.saturating_sub(stride),
                works: size,
            }));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::smallest;

    fn found(lower: u32, upper: u32, works: impl Fn(u32) -> bool) -> Option<u32> {
        smallest::<Infallible>(lower, upper, |size| Ok(works(size))).unwrap()
    }

    #[test]
    fn a_monotonic_limit_is_found_to_the_step() {
        for limit in [100, 104, 1000, 4096, 99_996] {
            assert_eq!(found(100, 1 << 20, |size| size >= limit), Some(limit));
        }
    }

    #[test]
    fn the_lower_bound_itself_can_be_the_answer() {
        assert_eq!(found(99, 1 << 20, |_| true), Some(100));
    }

    #[test]
    fn a_working_size_below_a_failing_one_is_found() {
        let works = |size| size >= 10_000 || (9_800..9_900).contains(&size);
        assert_eq!(found(5_000, 1 << 20, works), Some(9_800));
    }

    #[test]
    fn nothing_is_found_where_nothing_works() {
        assert_eq!(found(100, 1 << 20, |_| false), None);
    }

    #[test]
    fn only_multiples_of_the_step_are_tried() {
        let works = |size| {
            assert_eq!(size % 4, 0);
            size >= 777
        };
        assert_eq!(found(101, 1 << 20, works), Some(780));
    }

    #[test]
    fn an_error_ends_the_search() {
        assert_eq!(smallest(4, 1 << 20, |_| Err("broken")), Err("broken"));
    }
}
