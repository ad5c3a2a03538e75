//! A program on a simulated chip: its heap, its data breakpoints, and an instruction that writes.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::multiple_unsafe_ops_per_block,
    reason = "each test program uses what it needs, and a panic is how it fails"
)]

use std::cell::RefCell;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Mutex;

use heap_caps_alloc::{CapsHeap, SpinLock};
use heap_guard::{Access, Caught, GuardedHeap, Stop, Watch, Watchpoints};
use heap_trace::{CurrentOwner, Owner, TraceContext};
use soc_regions::Caps;

/// Bytes of the program's memory.
const MEMORY: usize = 64 * 1024;

thread_local! {
    static CAUGHT: RefCell<Vec<Caught>> = const { RefCell::new(Vec::new()) };
    /// Whose the thread is: each test has its own.
    static THREAD: &'static CurrentOwner = Box::leak(Box::new(CurrentOwner::new()));
}

/// On whose behalf this thread runs.
pub struct Owners;

/// See [`Owners::with`].
pub static OWNER: Owners = Owners;

impl Owners {
    /// Runs `work` on behalf of `owner`.
    pub fn with<R>(&self, owner: Owner, work: impl FnOnce() -> R) -> R {
        THREAD.with(|current| current.with(owner, work))
    }
}

/// Reports to the handler on this thread since the last call.
pub fn take_caught() -> Vec<Caught> {
    CAUGHT.take()
}

/// Knows the owner.
pub struct Context;

impl TraceContext for Context {
    fn owner(&self) -> Owner {
        THREAD.with(|current| current.get())
    }
}

/// Two data breakpoints.
#[derive(Default)]
pub struct Breakpoints(Mutex<[Armed; 2]>);

#[derive(Clone, Copy, Default, PartialEq)]
enum Armed {
    #[default]
    No,
    By(Watch),
    Debugger,
}

impl Breakpoints {
    /// Another program takes a slot.
    pub fn arm_as_debugger(&self, slot: usize) {
        self.0.lock().unwrap()[slot] = Armed::Debugger;
    }

    /// Whether it is still theirs.
    pub fn is_the_debuggers(&self, slot: usize) -> bool {
        self.0.lock().unwrap()[slot] == Armed::Debugger
    }

    fn touched(&self, address: u32) -> Option<u8> {
        let slots = self.0.lock().unwrap();
        let slot = slots
            .iter()
            .position(|armed| matches!(armed, Armed::By(watch) if watch.touches(address, 1)));
        slot.map(|slot| slot as u8)
    }
}

impl Watchpoints for &'static Breakpoints {
    const LARGEST: u32 = 64;

    fn slots(&self) -> u8 {
        2
    }

    fn is_free(&self, slot: u8) -> bool {
        self.0.lock().unwrap()[usize::from(slot)] == Armed::No
    }

    fn set(&self, slot: u8, watch: Option<Watch>) -> bool {
        let place = &mut self.0.lock().unwrap()[usize::from(slot)];
        assert!(*place != Armed::Debugger, "a debugger's slot is left alone");
        *place = watch.map_or(Armed::No, Armed::By);
        true
    }
}

type Heap = GuardedHeap<SpinLock, &'static Breakpoints, Context>;

/// A program.
pub struct Program {
    /// Its heap.
    pub heap: &'static Heap,
    /// Its breakpoints.
    pub breakpoints: &'static Breakpoints,
    free: u32,
}

impl Program {
    /// With one heap of 64 KiB.
    pub fn new() -> Self {
        Self::with_slots(u32::MAX)
    }

    /// The same, with guards in these slots only.
    pub fn with_slots(mask: u32) -> Self {
        let breakpoints: &'static Breakpoints = Box::leak(Box::default());
        let inner: &'static CapsHeap<SpinLock> = Box::leak(Box::new(CapsHeap::new(())));
        let memory = Box::leak(vec![MaybeUninit::uninit(); MEMORY].into_boxed_slice());
        let caps = [Caps::BIT8 | Caps::DEFAULT, Caps::INTERNAL, Caps::empty()];
        inner.add_buffer(caps, memory).unwrap();
        let heap = GuardedHeap::new(inner, breakpoints, Context).with_slots(mask);
        let heap: &'static Heap = Box::leak(Box::new(heap));
        heap.set_handler(Some(|caught| {
            CAUGHT.with_borrow_mut(|take_caught| take_caught.push(*caught));
        }));
        Self {
            heap,
            breakpoints,
            free: inner.inspect().free_size(Caps::empty()),
        }
    }

    /// Frees a block of the program.
    pub fn free(&self, block: NonNull<u8>) {
        // SAFETY: the tests free their own blocks, each once.
        unsafe { self.heap.free(block) }.unwrap();
    }

    /// The chip's address of a block.
    pub fn address(&self, block: NonNull<u8>) -> u32 {
        self.heap.heap().inspect().address_of(block).unwrap()
    }

    /// Whether a guard watches the byte at a distance from a block's start.
    pub fn watches_behind(&self, block: NonNull<u8>, at: u32) -> bool {
        self.heap.watches(Access {
            address: self.address(block) + at,
            bytes: 1,
        })
    }

    /// Writes a byte at a distance from a block's start, by an instruction at `counter`.
    pub fn write(&self, block: NonNull<u8>, at: usize, counter: u32) {
        let address = self.address(block) + at as u32;
        if let Some(slot) = self.breakpoints.touched(address) {
            let stop = Stop {
                counter,
                access: Some(Access { address, bytes: 1 }),
                slot: Some(slot),
                return_address: None,
            };
            assert!(self.heap.on_debug_exception(&stop));
        }
        // SAFETY: memory of the program; where the block ends is what the tests are about.
        unsafe { block.add(at).write(0xAA) };
    }

    /// All memory is back, and the heap is sound.
    pub fn assert_pristine(&self) {
        let heap = self.heap.heap();
        assert_eq!(heap.inspect().free_size(Caps::empty()), self.free);
        heap.inspect()
            .locked(|heaps| heaps.check_integrity(Caps::empty()))
            .unwrap();
    }
}
