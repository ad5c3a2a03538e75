//! Smallest program around four calls: its size shows what they link. The bytes are filled and
//! copied in every program.

use core::hint::black_box;
use core::panic::PanicInfo;

unsafe extern "C" {
    fn memcpy();
    fn memmove();
    fn memset();
}

/// The program: its functions are not called, but might be. It is not for running.
#[unsafe(no_mangle)]
extern "C" fn program() -> ! {
    black_box([
        memcpy as *const (),
        memmove as *const (),
        memset as *const (),
    ]);
    black_box(crate::CALLS);
    standstill()
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    standstill()
}

/// What `traps.S` calls.
#[unsafe(no_mangle)]
extern "C" fn trapped() -> ! {
    standstill()
}

/// What `traps.S` calls for a timer.
#[unsafe(no_mangle)]
extern "C" fn interrupted() {}

fn standstill() -> ! {
    loop {
        core::hint::spin_loop();
    }
}
