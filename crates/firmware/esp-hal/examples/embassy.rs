//! Embassy tasks that share 60 KiB of DMA memory by back-pressure, with an account for each.
//!
//! ```text
//!   camera   ── a frame of 20 KiB every 30 ms ──> channel ──> uplink: the DMA engine reads it, 80 ms
//!   network  ── bursts of packets, each held until its burst was sent
//!   main     ── a line for each owner, each second
//! ```
//! Together they want more than there is, but not for long. Both wait for their buffers
//! (`DmaBuffer::ready`): memory that is short slows the producer down, and no frame is lost.
//! `crates/heap-caps-alloc/examples/back_pressure.rs` is the same on a laptop, counted with and
//! without waiting.
//!
//! For every chip whose DMA engine copies memory by this driver of esp-hal's: all but the ESP32 and
//! ESP32-S2.
//!
//! Each task's future is *instrumented* with its owner: whatever it allocates between two awaits is
//! on that owner's account, however tasks alternate.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::vec;
use alloc::vec::Vec;
use core::mem::MaybeUninit;
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
const CAMERA: Owner = Owner(1);
const UPLINK: Owner = Owner(2);
const NETWORK: Owner = Owner(3);
const NAMES: [&str; 4] = ["nobody", "camera", "uplink", "network"];

/// Bytes that camera and network share.
const SHARED_BYTES: usize = 60 * 1024;
const FRAME_BYTES: usize = 20 * 1024;
const PACKET_BYTES: usize = 1500;

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

/// The memory that is shared, in a block of the other heap: nobody else allocates from it.
static SHARED: CapsHeap<CriticalSectionLock, Unpoisoned, Accounts> =
    CapsHeap::new(Ledger::new(Now, ()));

heap_caps_alloc::claim! {
    static RAM: esp_hal_demo::TABLE;
    unsafe esp_hal: { stack: 32 * 1024 }
}

#[esp_rtos::main]
async fn main(spawner: Spawner) {
    let peripherals = esp_hal::init(esp_hal::Config::default());
    RAM.take(&HEAP).unwrap().ram.boot().unwrap();
    for heap in [&HEAP, &SHARED] {
        heap.pressure().set_failure_handler(Some(print_failure));
    }
    let memory = Vec::leak(vec![MaybeUninit::uninit(); SHARED_BYTES]);
    let capabilities = Caps::DMA | Caps::BIT8 | Caps::INTERNAL;
    SHARED
        .add_buffer([capabilities, Caps::empty(), Caps::empty()], memory)
        .unwrap();
    let timers = TimerGroup::new(peripherals.TIMG0);
    esp_rtos::start(timers.timer0, peripherals.FROM_CPU_INTR0);
    spawner.spawn(camera().unwrap());
    spawner.spawn(uplink(peripherals.DMA_CH0, peripherals.SPI2).unwrap());
    spawner.spawn(network().unwrap());
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
    let usages = SHARED.with_observer(|accounts| *accounts.owners());
    for (number, usage) in (0..).zip(usages) {
        println!("{}: {usage}", name(Owner(number)));
    }
    println!(
        "shared: {} free; the rest: {} free",
        SHARED.inspect().info(Caps::DMA).total_free_bytes,
        HEAP.inspect().info(Caps::DEFAULT).total_free_bytes
    );
}

fn name(owner: Owner) -> &'static str {
    NAMES.get(owner.get()).copied().unwrap_or("?")
}

type Frame = DmaBuffer<&'static CapsHeap<CriticalSectionLock, Unpoisoned, Accounts>>;

/// Frames on their way. A block changes hands here and stays on the account of its allocating task,
/// until it is freed.
static FRAMES: Channel<CriticalSectionRawMutex, Frame, 4> = Channel::new();

#[embassy_executor::task]
async fn camera() {
    OWNER.instrument(CAMERA, capture()).await
}

async fn capture() {
    for number in (0..=u8::MAX).cycle() {
        Timer::after_millis(30).await;
        let Ok(mut frame) = DmaBuffer::ready(&SHARED, FRAME_BYTES).await else {
            return; // no heap is that large: `print_failure` has said so
        };
        frame.fill(number);
        FRAMES.send(frame).await;
    }
}

#[embassy_executor::task]
async fn uplink(channel: DMA_CH0<'static>, peripheral: SPI2<'static>) {
    OWNER
        .instrument(UPLINK, transmit(channel, peripheral))
        .await
}

/// Bytes that the DMA engine copies at a time.
const PIECE_BYTES: usize = 2048;

/// The DMA engine's memory-to-memory mode stands for a radio: what it reads and writes must be
/// memory that DMA reaches. On some chips it copies in the name of a peripheral.
async fn transmit(channel: DMA_CH0<'static>, peripheral: SPI2<'static>) {
    let mut descriptors = [DmaDescriptor::EMPTY; 2];
    let [receiving, sending] = descriptors.each_mut().map(core::slice::from_mut);
    #[cfg(copies_for_a_peripheral)]
    let engine = Mem2Mem::new(channel, peripheral);
    #[cfg(not(copies_for_a_peripheral))]
    let (engine, _) = (Mem2Mem::new(channel), peripheral);
    let mut engine = SimpleMem2Mem::new(engine, receiving, sending, BurstConfig::default())
        .unwrap_or_else(|cause| panic!("the DMA engine: {cause:?}"));
    let Ok(mut echo) = DmaBuffer::new(&HEAP, PIECE_BYTES) else {
        return;
    };
    for number in (0..=u8::MAX).cycle() {
        let frame = FRAMES.receive().await;
        assert!(frame[0] == number, "frame {} instead of {number}", frame[0]);
        for piece in frame.chunks_exact(PIECE_BYTES) {
            let transfer = engine
                .start_transfer(&mut echo, piece)
                .unwrap_or_else(|cause| panic!("{frame:?} to {echo:?}: {cause:?}"));
            while !transfer.is_done() {
                embassy_futures::yield_now().await;
            }
            drop(transfer);
            assert!(*piece == *echo, "{frame:?} did not arrive in {echo:?}");
            Timer::after_millis(8).await;
        }
    }
}

#[embassy_executor::task]
async fn network() {
    OWNER.instrument(NETWORK, exchange()).await
}

/// Bursts of up to 24 packets, held until all were sent. Who waits while it holds something must
/// leave room for the largest request of others: 24 packets and a frame are less than there is.
async fn exchange() {
    for burst in 0_usize.. {
        let mut packets = Vec::new();
        for _ in 0..burst * 7 % 25 {
            packets.extend(DmaBuffer::ready(&SHARED, PACKET_BYTES).await);
            Timer::after_millis(2).await;
        }
        Timer::after_millis(40).await;
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    esp_hal_demo::last_words(info, &HEAP)
}
