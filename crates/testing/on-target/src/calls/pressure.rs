//! Cost of calls while something for short memory is registered: rows of the table in
//! `docs/pressure.md`.

use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use heap_bench::{Allocator, Figure, Quantity};
use heap_caps::Owner;
use heap_caps_alloc::{
    CapsHeap, Level, OwnerAccounts, OwnerLimits, PressureGauge, Shortage, Shrinker,
};

use super::allocator::of_global_allocator;
use super::boot::boot;
use super::heap_caps::CAPS;
use super::lock::EspLock;
use crate::{Instructions, below_dram, println};

type Heap = CapsHeap<EspLock>;

const OWNER: Owner = Owner(1);

fn nothing(_: &'static Heap) {}

fn shrinker(heap: &'static Heap) {
    fn gives_nothing(_: &Shortage) -> u32 {
        0
    }
    let shrinker = Shrinker::new("cache", CAPS, &gives_nothing);
    assert!(heap.pressure().register_shrinker(shrinker).is_ok());
}

fn gauge(heap: &'static Heap) {
    let gauge = PressureGauge::new("internal", CAPS).free_below(16 * 1024, 6 * 1024);
    assert!(heap.pressure().add_gauge(gauge).is_ok());
}

fn gauge_while_low(heap: &'static Heap) {
    let gauge = PressureGauge::new("internal", CAPS).free_below(1 << 24, 1024);
    let gauge = heap.pressure().add_gauge(gauge);
    let level = gauge.ok().and_then(|gauge| heap.pressure().level(gauge));
    assert!(level == Some(Level::Low));
}

fn gauge_of_largest(heap: &'static Heap) {
    let gauge = PressureGauge::new("internal", CAPS).largest_below(4 * 1024, 1536);
    assert!(heap.pressure().add_gauge(gauge).is_ok());
}

fn limit(heap: &'static Heap, accounts: *mut OwnerAccounts<4, 512>, current: fn() -> Owner) {
    // SAFETY: each heap has accounts of its own, which are handed over once.
    let accounts = unsafe { &mut *accounts };
    assert!(heap.pressure().open_accounts(accounts, current).is_ok());
    let limits = OwnerLimits::new(OWNER, "mqtt", CAPS).at_most(1 << 20);
    assert!(heap.pressure().limit_owner(limits).is_ok());
}

fn limit_of_another(heap: &'static Heap) {
    static mut ACCOUNTS: OwnerAccounts<4, 512> = OwnerAccounts::new();
    limit(heap, &raw mut ACCOUNTS, || Owner::NOBODY);
}

fn limit_of_its_own(heap: &'static Heap) {
    static mut ACCOUNTS: OwnerAccounts<4, 512> = OwnerAccounts::new();
    limit(heap, &raw mut ACCOUNTS, || OWNER);
}

macro_rules! measured {
    ($($type:ident, $name:literal, $set_up:ident;)*) => {
        $(
            struct $type;

            const _: () = {
                static HEAP: Heap = CapsHeap::new(());
                static IS_SET_UP: AtomicBool = AtomicBool::new(false);

                impl Allocator for $type {
                    const NAME: &'static str = $name;

                    unsafe fn start(place: &mut MaybeUninit<Self>, _: NonNull<[u8]>) -> bool {
                        // SAFETY: heaps have the chip's memory one after the other.
                        unsafe { boot(&HEAP) };
                        if !IS_SET_UP.load(Ordering::Relaxed) {
                            IS_SET_UP.store(true, Ordering::Relaxed);
                            $set_up(&HEAP);
                        }
                        place.write(Self);
                        true
                    }

                    of_global_allocator!();
                }
            };
        )*

        /// Prints a row for each.
        pub fn costs_under_pressure() {
            $(row::<$type>();)*
        }
    };
}

measured! {
    Nothing, "nothing, compiled in", nothing;
    AShrinker, "a shrinker", shrinker;
    AGauge, "a gauge of free bytes", gauge;
    AGaugeWhileLow, "a gauge of free bytes, which are low", gauge_while_low;
    AGaugeOfLargest, "a gauge of the largest block", gauge_of_largest;
    LimitOfAnother, "a limit of another owner", limit_of_another;
    LimitOfItsOwn, "a limit of the owner that calls", limit_of_its_own;
}

const WORKLOADS: [&str; 4] = ["malloc 16 B", "free 16 B", "malloc mix", "free mix"];

fn row<S: Allocator>() {
    let mut costs = [0; WORKLOADS.len()];
    let mut enter = |figure: Figure| {
        let cost = match figure.quantity {
            Quantity::Cost => figure.value,
            Quantity::MeanX100 => (figure.value + 50) / 100,
            _ => return,
        };
        let of_workload = WORKLOADS.iter().zip(&mut costs);
        let mut places = of_workload.filter(|(name, _)| **name == figure.workload);
        if let Some((_, place)) = places.next() {
            *place = cost;
        }
    };
    // SAFETY: nothing else uses the memory of the chip's heaps and that below.
    unsafe { heap_bench::run_guest::<S>(&Instructions, below_dram(), &mut enter) };
    let [malloc, free, malloc_mix, free_mix] = costs;
    println!(
        "| {} | {malloc} + {free} | {malloc_mix} + {free_mix} |",
        S::NAME
    );
}
