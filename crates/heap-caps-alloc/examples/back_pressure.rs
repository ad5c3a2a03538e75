//! A camera and a network task share 60 KiB of DMA memory: `cargo run --example back_pressure`.
//!
//! ```text
//!   camera   ── a frame every 3 ticks ──> uplink: 8 ticks a frame
//!   network  ── bursts of packets, each held for some ticks
//! ```
//!
//! Together they want more than there is, but not for long. Who waits for memory slows its producer
//! down, and no frame that fits is lost; who does not wait drops frames. The tasks are futures as
//! Embassy has them; the executor here is a few lines.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use heap_caps_alloc::{Caps, CapsHeap, DmaBuffer, SpinLock};

type Heap = CapsHeap<SpinLock>;
type Frame = DmaBuffer<&'static Heap>;

const SHARED: usize = 60 * 1024;
const FRAME: usize = 20 * 1024;
const PACKET: usize = 1500;
const FRAMES: u8 = 100;

/// What became of the frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Frames that arrived, in order and whole.
    pub arrived: u32,
    /// Frames for which there was no memory.
    pub lost: u32,
    /// Packets that were sent.
    pub packets: u32,
    /// Whether a frame that never fits was refused at once.
    pub is_giant_refused: bool,
    /// Bytes that are free at the end, as at the beginning.
    pub is_all_free: bool,
}

/// The clock of the example: ticks, at each of which every task has its turn.
#[derive(Default)]
struct Clock(Cell<u32>);

impl Clock {
    async fn after(&self, ticks: u32) {
        let end = self.0.get() + ticks;
        poll_fn(|context| {
            if self.0.get() >= end {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

/// Frames on their way to the uplink; `None` is the last one.
#[derive(Default)]
struct Queue {
    frames: RefCell<VecDeque<Option<Frame>>>,
}

impl Queue {
    async fn next(&self, clock: &Clock) -> Option<Frame> {
        loop {
            if let Some(frame) = self.frames.borrow_mut().pop_front() {
                return frame;
            }
            clock.after(1).await;
        }
    }
}

/// Lets both run until all is sent; with `waits`, the camera waits for memory.
#[allow(clippy::unwrap_used, reason = "the heap has room for a region")]
pub fn share(waits: bool) -> Outcome {
    let heap: &'static Heap = Box::leak(Box::new(CapsHeap::new(())));
    let memory = vec![MaybeUninit::uninit(); SHARED].leak();
    let caps = [
        Caps::BIT8 | Caps::DMA | Caps::INTERNAL,
        Caps::empty(),
        Caps::empty(),
    ];
    heap.add_buffer(caps, memory).unwrap();
    let at_first = heap.inspect().free_size(Caps::DMA);
    let (clock, queue) = (Rc::new(Clock::default()), Rc::new(Queue::default()));
    let outcome = Rc::new(Cell::new(Outcome::default()));
    run(
        &clock,
        [
            Box::pin(camera(
                heap,
                waits,
                clock.clone(),
                queue.clone(),
                outcome.clone(),
            )),
            Box::pin(uplink(clock.clone(), queue.clone(), outcome.clone())),
            Box::pin(network(heap, clock.clone(), outcome.clone())),
        ],
    );
    let mut outcome = outcome.get();
    outcome.is_all_free = heap.inspect().free_size(Caps::DMA) == at_first;
    outcome
}

fn count(outcome: &Cell<Outcome>, count: impl FnOnce(&mut Outcome)) {
    let mut counted = outcome.get();
    count(&mut counted);
    outcome.set(counted);
}

async fn camera(
    heap: &'static Heap,
    waits: bool,
    clock: Rc<Clock>,
    queue: Rc<Queue>,
    outcome: Rc<Cell<Outcome>>,
) {
    let giant = DmaBuffer::ready(heap, SHARED + FRAME).await;
    count(&outcome, |counts| counts.is_giant_refused = giant.is_err());
    for number in 0..FRAMES {
        clock.after(3).await;
        let frame = if waits {
            DmaBuffer::ready(heap, FRAME).await
        } else {
            DmaBuffer::new(heap, FRAME)
        };
        match frame {
            Ok(mut frame) => {
                frame.fill(number);
                queue.frames.borrow_mut().push_back(Some(frame));
            }
            Err(_) => count(&outcome, |counts| counts.lost += 1),
        }
    }
    queue.frames.borrow_mut().push_back(None);
}

async fn uplink(clock: Rc<Clock>, queue: Rc<Queue>, outcome: Rc<Cell<Outcome>>) {
    let mut last = None;
    while let Some(frame) = queue.next(&clock).await {
        clock.after(8).await; // the DMA engine reads it
        let number = frame[0];
        assert!(last < Some(number), "frames arrive in order");
        assert!(frame.iter().all(|&byte| byte == number), "and whole");
        last = Some(number);
        count(&outcome, |counts| counts.arrived += 1);
    }
}

/// Bursts of up to 24 packets, held until all were sent. Who waits while it holds something must
/// leave room for the largest request of others: 24 packets and a frame are less than there is.
async fn network(heap: &'static Heap, clock: Rc<Clock>, outcome: Rc<Cell<Outcome>>) {
    for burst in 0..60 {
        let mut packets = Vec::new();
        for _ in 0..(burst * 7) % 25 {
            if let Ok(packet) = DmaBuffer::ready(heap, PACKET).await {
                packets.push(packet);
            }
            clock.after(u32::from(packets.len() % 5 == 0)).await;
        }
        clock.after(4).await;
        let sent = u32::try_from(packets.len()).unwrap_or(u32::MAX);
        count(&outcome, |counts| counts.packets += sent);
    }
}

/// A task of the executor below: woken, or not.
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Polls who was woken until all have ended: an executor. A tick is a round.
fn run<const TASKS: usize>(clock: &Clock, tasks: [Task; TASKS]) {
    let mut tasks = tasks.map(|task| (Some(task), Arc::new(Flag(AtomicBool::new(true)))));
    while tasks.iter().any(|(task, _)| task.is_some()) {
        let mut is_anybody_awake = false;
        for (task, flag) in &mut tasks {
            let Some(running) = task
                .as_mut()
                .filter(|_| flag.0.swap(false, Ordering::Acquire))
            else {
                continue;
            };
            is_anybody_awake = true;
            let waker = Waker::from(flag.clone());
            if pin!(running)
                .poll(&mut Context::from_waker(&waker))
                .is_ready()
            {
                *task = None;
            }
        }
        assert!(
            is_anybody_awake,
            "somebody waits for memory that nobody frees"
        );
        clock.0.set(clock.0.get() + 1);
    }
}

#[allow(dead_code, reason = "the test runs `share`")]
fn main() {
    for (how, waits) in [("the camera waits", true), ("it does not", false)] {
        println!("{how}: {:?}", share(waits));
    }
}
