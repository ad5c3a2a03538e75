//! Embassy tasks that share the capability heap, with an account for each.
//!
//! ```text
//!   sensor ── Vec of samples ──> channel ──> uplink: two DMA buffers, the engine copies one to the other
//!   hoarder: asks for more and more until it is refused ── a sentence ──> console        main: a line for each owner, each second
//! ```
//! The uplink waits for its buffers (`DmaBuffer::ready`). While the hoarder has the memory, the
//! channel fills and the sensor waits in turn: memory that is short slows the producer down, and no
//! sample is lost.
//!
//! Each task's future is *instrumented* with its owner: whatever it allocates between two awaits is
//! on that owner's account, however tasks alternate.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::vec::Vec;
use core::panic::PanicInfo;

use embassy_executor::Spawner;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::channel::Channel;
use embassy_time::Timer;
use esp_hal::dma::{BurstConfig, DmaDescriptor, Mem2Mem, SimpleMem2Mem};
use esp_hal::peripherals::{DMA_CH0, SPI2};
use esp_hal::time::Instant;
use esp_hal::timer::timg::TimerGroup;
use esp_println::println;
use heap_caps::Failure;
use heap_caps_alloc::{CapsHeap, CriticalSectionLock, DmaBuffer};
use heap_trace::{CurrentOwner, Ledger, Owner, TraceContext};
use multi_heap::Unpoisoned;
use soc_regions::Caps;

esp_bootloader_esp_idf::esp_app_desc!();

static OWNER: CurrentOwner = CurrentOwner::new();
const SENSOR: Owner = Owner(1);
const UPLINK: Owner = Owner(2);
const HOARDER: Owner = Owner(3);
const NAMES: [&str; 4] = ["nobody", "sensor", "uplink", "hoarder"];

/// Trace context of the program.
struct Now;

impl TraceContext for Now {
    fn ticks(&self) -> u32 {
        let milliseconds = Instant::now().duration_since_epoch().as_millis();
        (milliseconds & 0xFFFF_FFFF) as u32
    }

    fn owner(&self) -> Owner {
        OWNER.get()
    }
}

type Accounts = Ledger<Now, (), 512, 32, { NAMES.len() }, 0>;

#[global_allocator]
static HEAP: CapsHeap<CriticalSectionLock, Unpoisoned, Accounts> =
    CapsHeap::new(Ledger::new(Now, ()));

heap_caps_alloc::claim! {
    static RAM: esp_hal_demo::TABLE;
    unsafe esp_hal: { stack: 32 * 1024 }
}

#[esp_rtos::main]
async fn main(spawner: Spawner) {
    let peripherals = esp_hal::init(esp_hal::Config::default());
    RAM.take(&HEAP).unwrap().ram.boot().unwrap();
    HEAP.pressure().set_failure_handler(Some(print_failure));
    let timers = TimerGroup::new(peripherals.TIMG0);
    esp_rtos::start(timers.timer0, peripherals.FROM_CPU_INTR0);
    spawner.spawn(sensor().unwrap());
    spawner.spawn(uplink(peripherals.DMA_CH0, peripherals.SPI2).unwrap());
    spawner.spawn(hoarder().unwrap());
    loop {
        Timer::after_secs(1).await;
        report();
    }
}

/// Why an allocation was refused, in one sentence, and on whose behalf it was asked for.
fn print_failure(failure: &Failure) {
    println!("{}: {failure}", name(OWNER.get()));
}

fn report() {
    let usages = HEAP.with_observer(|accounts| *accounts.owners());
    for (number, usage) in (0..).zip(usages) {
        println!("{}: {usage}", name(Owner(number)));
    }
    println!(
        "free {}",
        HEAP.inspect().info(Caps::DEFAULT).total_free_bytes
    );
}

fn name(owner: Owner) -> &'static str {
    NAMES.get(owner.get()).copied().unwrap_or("?")
}

/// Samples on their way. A block changes hands here and stays on the account of its allocating
/// task, until it is freed.
static SAMPLES: Channel<CriticalSectionRawMutex, Vec<u32>, 4> = Channel::new();

#[embassy_executor::task]
async fn sensor() {
    OWNER.instrument(SENSOR, measure()).await
}

async fn measure() {
    for round in 0.. {
        let mut samples = Vec::new();
        for sample in 0..64 {
            samples.push(round * 64 + sample);
            if sample % 16 == 15 {
                // Others run here, and allocate on their own accounts.
                Timer::after_millis(2).await;
            }
        }
        SAMPLES.send(samples).await;
    }
}

#[embassy_executor::task]
async fn uplink(channel: DMA_CH0<'static>, partner: SPI2<'static>) {
    OWNER.instrument(UPLINK, transmit(channel, partner)).await
}

const FRAME_BYTES: usize = 256;

/// The DMA engine's memory-to-memory mode stands for a radio: what it reads and writes must be
/// memory that DMA reaches.
async fn transmit(channel: DMA_CH0<'static>, partner: SPI2<'static>) {
    let mut descriptors = [DmaDescriptor::EMPTY; 2];
    let [receiving, sending] = descriptors.each_mut().map(core::slice::from_mut);
    let engine = Mem2Mem::new(channel, partner);
    let mut engine = SimpleMem2Mem::new(engine, receiving, sending, BurstConfig::default())
        .unwrap_or_else(|cause| panic!("the DMA engine: {cause:?}"));
    loop {
        let samples = SAMPLES.receive().await;
        let (Ok(mut frame), Ok(mut echo)) = (
            DmaBuffer::ready(&HEAP, FRAME_BYTES).await,
            DmaBuffer::ready(&HEAP, FRAME_BYTES).await,
        ) else {
            continue; // no heap is that large: `print_failure` has said so
        };
        for (place, sample) in frame.chunks_exact_mut(4).zip(samples) {
            place.copy_from_slice(&sample.to_le_bytes());
        }
        let transfer = engine
            .start_transfer(&mut echo, &frame)
            .unwrap_or_else(|cause| panic!("{frame:?} to {echo:?}: {cause:?}"));
        while !transfer.is_done() {
            embassy_futures::yield_now().await;
        }
        drop(transfer);
        assert!(*frame == *echo, "{frame:?} did not arrive in {echo:?}");
    }
}

#[embassy_executor::task]
async fn hoarder() {
    OWNER.instrument(HOARDER, hoard()).await
}

/// Takes 16 KiB every tenth of a second; frees all when there is no more.
async fn hoard() {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut block = Vec::new();
        match block.try_reserve_exact(16 * 1024) {
            Ok(()) => hoard.push(block),
            Err(_) => hoard.clear(),
        }
        Timer::after_millis(100).await;
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    esp_hal_demo::last_words(info, &HEAP)
}
