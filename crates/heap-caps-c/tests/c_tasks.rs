//! Accounts of tasks by the functions of `esp_heap_task_info.h`: one program, from before there are
//! tasks on.
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    clippy::unwrap_used,
    reason = "the test does what a C program does"
)]

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_void};
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::Mutex;

use heap_caps_c::caps::*;
use heap_caps_c::heap;
use heap_caps_c::tasks::*;
use soc_regions::Caps;

const INTERNAL: u32 = Caps::INTERNAL.bits();
const SPIRAM: u32 = Caps::SPIRAM.bits();

thread_local! {
    static RUNS: Cell<*mut c_void> = const { Cell::new(null_mut()) };
}

unsafe extern "C" fn current() -> *mut c_void {
    RUNS.get()
}

static MQTT: Mutex<usize> = Mutex::new(0);

unsafe extern "C" fn name(task: *mut c_void) -> *const c_char {
    match task.addr() {
        0 => c"never asked".as_ptr(),
        task if task == *MQTT.lock().unwrap() => c"mqtt".as_ptr(),
        _ => c"a name that is much too long".as_ptr(),
    }
}

fn all() -> CAllTasks {
    let mut all = MaybeUninit::<CAllTasks>::zeroed();
    // SAFETY: it can be written, and zeros are null and 0.
    unsafe {
        assert_eq!(heap_caps_alloc_all_task_stat_arrays(all.as_mut_ptr()), 0);
        assert_eq!(heap_caps_get_all_task_stat(all.as_mut_ptr()), 0);
        all.assume_init()
    }
}

fn text(name: &[c_char]) -> String {
    // SAFETY: a name ends with 0.
    let name = unsafe { CStr::from_ptr(name.as_ptr()) };
    name.to_str().unwrap().into()
}

static REPORTED: Mutex<String> = Mutex::new(String::new());

unsafe extern "C" fn write(bytes: *const c_char, length: usize) {
    // SAFETY: text of this length.
    let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), length) };
    REPORTED
        .lock()
        .unwrap()
        .push_str(std::str::from_utf8(bytes).unwrap());
}

#[test]
fn tasks_have_what_they_allocate_until_somebody_frees_it() {
    for memory in [Caps::INTERNAL, Caps::SPIRAM] {
        let bytes = vec![MaybeUninit::new(0_u8); 32 * 1024].leak();
        let columns = [Caps::BIT8 | memory, Caps::empty(), Caps::empty()];
        heap().add_buffer(columns, bytes).unwrap();
    }
    heap_caps_set_console(Some(write));
    let mut empty = MaybeUninit::<CAllTasks>::zeroed();
    // SAFETY: it can be written.
    unsafe {
        assert_eq!(
            heap_caps_alloc_all_task_stat_arrays(empty.as_mut_ptr()),
            0,
            "nothing known"
        );
        assert!(empty.assume_init().stat_arr.is_null());
    }

    // The control structures of two tasks, allocated before there are tasks.
    let [mqtt, other] = [(); 2].map(|()| heap_caps_malloc(64, INTERNAL));
    *MQTT.lock().unwrap() = mqtt.addr();
    heap_caps_register_tasks(Some(current), Some(name));
    RUNS.set(mqtt);
    let [a, b, c] = [(100, INTERNAL), (200, SPIRAM), (400, SPIRAM)]
        .map(|(size, caps)| heap_caps_malloc(size, caps));
    RUNS.set(other);
    let d = heap_caps_malloc(24, SPIRAM);
    // SAFETY: the test's block; freed by another task than its own.
    unsafe { heap_caps_free(c) };

    // SAFETY: the arrays are as long as the structure says.
    unsafe {
        let mut one = MaybeUninit::<CSingleTask>::zeroed();
        assert_eq!(
            heap_caps_alloc_single_task_stat_arrays(one.as_mut_ptr(), mqtt),
            0
        );
        assert_eq!(heap_caps_get_single_task_stat(one.as_mut_ptr(), mqtt), 0);
        let mut one = one.assume_init();
        assert_eq!(text(&one.stat.name), "mqtt");
        assert!(one.stat.is_alive);
        assert_eq!(
            (one.stat.overall_current_usage, one.stat.overall_peak_usage),
            (300, 700)
        );
        assert_eq!((one.heap_count, one.alloc_count), (2, 2));
        let heaps = std::slice::from_raw_parts(one.stat.heap_stat, 2);
        let figures = heaps
            .iter()
            .map(|heap| (heap.current_usage, heap.peak_usage, heap.alloc_count));
        assert_eq!(figures.collect::<Vec<_>>(), [(100, 100, 1), (200, 600, 1)]);
        assert_eq!(CStr::from_ptr(heaps[1].name), c"added");
        assert_eq!((*heaps[1].alloc_stat).address, b);
        heap_caps_free_single_task_stat_arrays(&raw mut one);
        assert!(one.heap_stat_start.is_null());
        let unknown = std::ptr::without_provenance_mut(8);
        assert_eq!(heap_caps_get_single_task_stat(&raw mut one, unknown), -1);
        assert_eq!(heap_caps_get_single_task_stat(null_mut(), mqtt), 0x102);
        one.heap_count = 3;
        assert_eq!(
            heap_caps_get_single_task_stat(&raw mut one, mqtt),
            0x102,
            "no array"
        );
    }

    let mut everybody = all();
    // SAFETY: the arrays are as long as the structure says.
    unsafe {
        let tasks = std::slice::from_raw_parts(everybody.stat_arr, everybody.task_count);
        let handles: Vec<_> = tasks.iter().map(|task| task.handle.addr()).collect();
        assert!(handles.is_sorted_by(|one, next| one > next));
        assert_eq!(handles.len(), 3);
        assert_eq!(text(&tasks[2].name), "Pre-scheduler");
        assert_eq!(tasks[2].overall_current_usage, 128);
        let long = tasks.iter().find(|task| task.handle == other).unwrap();
        assert_eq!(text(&long.name), "a name that is ");
        heap_caps_free_all_task_stat_arrays(&raw mut everybody);
        assert_eq!(everybody.task_count, 0);
    }

    heap_caps_print_single(mqtt);
    let printed = std::mem::take(&mut *REPORTED.lock().unwrap());
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(
        lines[0],
        "└ ALIVE: mqtt, CURRENT MEMORY USAGE 300, PEAK MEMORY USAGE 700, TOTAL HEAP USED 2:"
    );
    assert!(lines[1].starts_with("     ├ HEAP: added, CAPS: 0x00000804, SIZE: 32768, USAGE: CURRENT 100 (0%), PEAK 100 (0%), ALLOC COUNT: 1"));
    assert_eq!(lines[2], format!("     │    └ ALLOC {a:p}, SIZE 100"));
    // SAFETY: null is the console.
    unsafe { heap_caps_print_all_task_stat_overview(null_mut()) };
    let table = std::mem::take(&mut *REPORTED.lock().unwrap());
    assert_eq!(table.lines().count(), 3 + 3 + 1);
    assert!(table.contains("│               mqtt │ ALIVE   │                  300 │               700 │               2 │"));

    let mut blocks = [CTaskBlock {
        task: null_mut(),
        address: null_mut(),
        size: 0,
    }; 8];
    let mut totals = [CTotals {
        task: null_mut(),
        size: [0; 4],
        count: [0; 4],
    }; 4];
    let (mut wanted, mut known) = ([mqtt], 0_usize);
    let mut params = CTaskInfoParams {
        caps: [INTERNAL.cast_signed(), SPIRAM.cast_signed(), 0, 0],
        mask: [INTERNAL.cast_signed(), SPIRAM.cast_signed(), 0, 0],
        tasks: wanted.as_mut_ptr(),
        num_tasks: 1,
        totals: totals.as_mut_ptr(),
        num_totals: &raw mut known,
        max_totals: 4,
        blocks: blocks.as_mut_ptr(),
        max_blocks: 8,
    };
    // SAFETY: the arrays are as long as is said.
    assert_eq!(unsafe { heap_caps_get_per_task_info(&raw mut params) }, 2);
    assert_eq!(
        (blocks[0].address, blocks[0].size, blocks[0].task),
        (a, 100, mqtt)
    );
    assert_eq!(known, 3, "totals are everybody's");
    let of_mqtt = totals.iter().find(|totals| totals.task == mqtt).unwrap();
    assert_eq!(
        (of_mqtt.size, of_mqtt.count),
        ([100, 200, 0, 0], [1, 1, 0, 0])
    );

    // A block that moves to another task's account, and a task that ends.
    // SAFETY: the test's blocks.
    unsafe {
        let b = heap_caps_realloc(b, 1000, SPIRAM);
        heap_caps_free(mqtt);
        let everybody = all();
        let tasks = std::slice::from_raw_parts(everybody.stat_arr, everybody.task_count);
        let ended = tasks.iter().find(|task| task.handle == mqtt).unwrap();
        assert!(!ended.is_alive);
        assert_eq!(
            ended.overall_current_usage, 100,
            "b is the other task's now"
        );
        let heir = tasks.iter().find(|task| task.handle == other).unwrap();
        let heaps = std::slice::from_raw_parts(heir.heap_stat, heir.heap_count);
        let psram = heaps.iter().find(|heap| heap.caps & SPIRAM != 0).unwrap();
        let blocks = std::slice::from_raw_parts(psram.alloc_stat, psram.alloc_count);
        assert!(blocks.iter().any(|block| block.address == b));
        let bytes: usize = blocks.iter().map(|block| block.size as usize).sum();
        assert_eq!(psram.current_usage, bytes, "the arrays are blocks, too");
        [a, b, d]
            .into_iter()
            .for_each(|block| heap_caps_free(block));
    }
}

fn heap_caps_print_single(task: *mut c_void) {
    // SAFETY: null is the console.
    unsafe { heap_caps_print_single_task_stat(null_mut(), task) };
}
