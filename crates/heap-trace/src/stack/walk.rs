//! Stack walk from frame to frame.
//!
//! ```text
//!   Xtensa, windows stored                       RISC-V, frame pointers
//!
//!   sp of a function ─► …                        frame pointer ─► …
//!      sp − 12   its caller's stack pointer         fp − 4    return address into its caller
//!      sp − 16   return address of its caller       fp − 8    its caller's frame pointer
//! ```
//!
//! Sources: Xtensa ISA, windowed procedure-call protocol (base save area); RISC-V calling
//! convention, `DWARF`-less frames of LLVM and GCC.

use core::ops::Range;

/// Words by address.
pub trait Words {
    /// Returns the word at `address`; `None` where there is none.
    fn word(&self, address: u32) -> Option<u32>;
}

/// Where a walk begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// A return address: into the function that is to be the first one.
    pub counter: u32,
    /// The stack pointer of the function that would return there.
    pub stack: u32,
}

/// Finds the callers on Xtensa with register windows. Fills `callers`, the innermost first;
/// returns how many there were.
///
/// `start` comes from assembly that stores all windows to the stack (calls itself seven times by
/// `call8`, and returns) and passes its own `a0` and `a1`. Interrupts that come in between do no
/// harm. `code` is where instructions can lie. The two top bits of a return address are the size of
/// the call; those of `code.start` take their place.
pub fn windowed(words: &impl Words, start: Start, code: &Range<u32>, callers: &mut [u32]) -> usize {
    windowed_outside(words, start, code, &NOTHING, callers)
}

/// [`windowed`], from the first caller on that lies behind `own`: the addresses of the heap's
/// code, where the linker script can say so. Call stacks then begin
/// with the caller, and all of their depth is the program's. Up to two callers in front of the
/// heap's, functions of the one who asks, are left out with them.
pub fn windowed_outside(
    words: &impl Words,
    start: Start,
    code: &Range<u32>,
    own: &Range<u32>,
    callers: &mut [u32],
) -> usize {
    const CALL_SIZE: u32 = 0xC000_0000;
    let segment = code.start & CALL_SIZE;
    let next = |frame: Start| {
        Some(Start {
            counter: words.word(frame.stack.checked_sub(16)?)?,
            stack: words.word(frame.stack.checked_sub(12)?)?,
        })
    };
    let address = |frame: Start| frame.counter & !CALL_SIZE | segment;
    fill(callers, start, code, own, address, next)
}

/// Finds the callers on RISC-V with frame pointers. `frame_pointer` is `s0` of the function that
/// asks: its caller is to be the first one.
pub fn frame_pointers(
    words: &impl Words,
    frame_pointer: u32,
    code: &Range<u32>,
    callers: &mut [u32],
) -> usize {
    frame_pointers_outside(words, frame_pointer, code, &NOTHING, callers)
}

/// [`frame_pointers`], from the first caller on that lies behind `own`, see [`windowed_outside`].
pub fn frame_pointers_outside(
    words: &impl Words,
    frame_pointer: u32,
    code: &Range<u32>,
    own: &Range<u32>,
    callers: &mut [u32],
) -> usize {
    let frame = |pointer: u32| {
        Some(Start {
            counter: words.word(pointer.checked_sub(4)?)?,
            stack: pointer,
        })
    };
    let next = |current: Start| frame(words.word(current.stack.checked_sub(8)?)?);
    match frame(frame_pointer) {
        Some(first) => fill(callers, first, code, own, |frame| frame.counter, next),
        None => 0,
    }
}

/// No address.
const NOTHING: Range<u32> = 0..0;
/// Frames of the heap's own that are followed at most: no way through it is deeper, and the lock is
/// held meanwhile.
const MOST_OWN: usize = 32;
/// Frames of the trace context that lie in front of them at most: what the compiler does not
/// inline.
const MOST_PROBE: usize = 2;

/// Follows frames upwards, as long as they make sense; the first ones are left out if they are the
/// heap's own, with those of the trace context in front of them.
fn fill(
    callers: &mut [u32],
    first: Start,
    code: &Range<u32>,
    own: &Range<u32>,
    address: impl Fn(Start) -> u32,
    next: impl Fn(Start) -> Option<Start>,
) -> usize {
    let mut frame = Some(first);
    let mut ahead = frame;
    for _ in 0..=MOST_PROBE {
        let Some(here) = ahead.filter(|&here| code.contains(&address(here))) else {
            break;
        };
        if own.contains(&address(here)) {
            frame = ahead;
            break;
        }
        ahead = next(here).filter(|above| above.stack > here.stack);
    }
    for _ in 0..MOST_OWN {
        let Some(here) = frame.filter(|&here| own.contains(&address(here))) else {
            break;
        };
        frame = next(here).filter(|above| above.stack > here.stack);
    }
    let mut count = 0;
    for place in callers {
        let Some(here) = frame.filter(|&here| code.contains(&address(here))) else {
            break;
        };
        *place = address(here);
        count += 1;
        frame = next(here).filter(|above| above.stack > here.stack);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const CODE: Range<u32> = 0x400D_0000..0x4010_0000;

    struct Drawn(BTreeMap<u32, u32>);

    impl Words for Drawn {
        fn word(&self, address: u32) -> Option<u32> {
            self.0.get(&address).copied()
        }
    }

    /// Three frames: at 0x1000 of the asking function, its caller's at 0x1040, that one's caller's
    /// at 0x1080.
    fn windows() -> (Drawn, Start) {
        let words = [
            (0x0FF0, 0x800D_2000), // returns to 0x400D_2000, called by call8
            (0x0FF4, 0x1040),
            (0x1030, 0xC00D_3000), // by call12
            (0x1034, 0x1080),
            (0x1070, 0), // the first function of all
            (0x1074, 0x10C0),
        ];
        let start = Start {
            counter: 0x800D_1000,
            stack: 0x1000,
        };
        (Drawn(words.into()), start)
    }

    #[test]
    fn windows_lead_from_caller_to_caller_up_to_the_first() {
        let (words, start) = windows();
        let mut callers = [0; 8];
        assert_eq!(windowed(&words, start, &CODE, &mut callers), 3);
        assert_eq!(callers[..4], [0x400D_1000, 0x400D_2000, 0x400D_3000, 0]);
    }

    #[test]
    fn frames_of_the_heap_are_left_out_and_take_nothing_of_the_depth() {
        let (words, start) = windows();
        let mut callers = [0; 2];
        let heap = 0x400D_1000..0x400D_2000;
        assert_eq!(
            windowed_outside(&words, start, &CODE, &heap, &mut callers),
            2
        );
        assert_eq!(callers, [0x400D_2000, 0x400D_3000]);
        assert_eq!(
            windowed_outside(&words, start, &CODE, &CODE, &mut callers),
            0
        );
    }

    /// `count` frames from 0x1000 on, 0x40 bytes each; number n returns to 0x400D_1000 · n.
    fn tower(count: u32) -> (Drawn, Start) {
        let frames = 1..count;
        let words = frames.flat_map(|number| {
            let stack = 0x1000 + 0x40 * (number - 1);
            let counter = 0x800D_0000 + 0x1000 * (number + 1);
            [(stack - 16, counter), (stack - 12, stack + 0x40)]
        });
        let start = Start {
            counter: 0x800D_1000,
            stack: 0x1000,
        };
        (Drawn(words.collect()), start)
    }

    #[test]
    fn frames_of_the_probe_in_front_of_the_heaps_are_left_out_too() {
        let (words, start) = tower(6);
        let outside = |own: Range<u32>| {
            let mut callers = [0; 3];
            let count = windowed_outside(&words, start, &CODE, &own, &mut callers);
            callers[..count].to_vec()
        };
        // The trace context is one function or two, the heap the next two.
        assert_eq!(
            outside(0x400D_2000..0x400D_4000),
            [0x400D_4000, 0x400D_5000, 0x400D_6000]
        );
        assert_eq!(
            outside(0x400D_3000..0x400D_5000),
            [0x400D_5000, 0x400D_6000]
        );
        // Further out the heap calls the program: a closure of its owner, say.
        assert_eq!(
            outside(0x400D_4000..0x400D_5000),
            [0x400D_1000, 0x400D_2000, 0x400D_3000]
        );
        assert_eq!(outside(0..0), [0x400D_1000, 0x400D_2000, 0x400D_3000]);
    }

    #[test]
    fn no_more_callers_are_returned_than_were_asked_for() {
        let (words, start) = windows();
        let mut callers = [0; 2];
        assert_eq!(windowed(&words, start, &CODE, &mut callers), 2);
        assert_eq!(windowed(&words, start, &CODE, &mut []), 0);
    }

    #[test]
    fn a_stack_that_goes_in_circles_ends_the_walk() {
        let (mut words, start) = windows();
        words.0.insert(0x1034, 0x1000);
        let mut callers = [0; 8];
        assert_eq!(windowed(&words, start, &CODE, &mut callers), 2);
    }

    /// Defects: b4aba18.
    #[test]
    fn what_is_no_code_and_what_cannot_be_read_ends_the_walk() {
        let (mut words, start) = windows();
        words.0.insert(0x0FF0, 0x3FFB_0000);
        let mut callers = [0; 8];
        assert_eq!(windowed(&words, start, &CODE, &mut callers), 1);
        assert_eq!(
            windowed(&Drawn(BTreeMap::new()), start, &CODE, &mut callers),
            1
        );
    }

    /// Defects: 1e0cdcb.
    #[test]
    fn frame_pointers_lead_from_caller_to_caller() {
        let words = [
            (0x0FFC, 0x400D_1000),
            (0x0FF8, 0x1040),
            (0x103C, 0x400D_2000),
            (0x1038, 0x1080),
            (0x107C, 0),
        ];
        let words = Drawn(words.into());
        let mut callers = [0; 8];
        assert_eq!(frame_pointers(&words, 0x1000, &CODE, &mut callers), 2);
        assert_eq!(callers[..3], [0x400D_1000, 0x400D_2000, 0]);
        assert_eq!(frame_pointers(&words, 0x2000, &CODE, &mut callers), 0);
    }
}
