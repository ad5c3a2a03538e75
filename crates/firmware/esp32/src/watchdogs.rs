//! Watchdogs off, whatever left them running, and how: the boot loader leaves the RTC's with nine
//! seconds, a program before this one may have left any of them, with its clock off.

/// Opens the registers of a watchdog. Source: ESP32 Technical Reference Manual,
/// RTC_CNTL_WDTWPROTECT_REG.
const KEY: u32 = 0x50D8_3AA1;

/// Stops them all.
pub(crate) fn off() {
    // SAFETY: nothing else in this program uses the registers of the RTC.
    let rtc = unsafe { &*esp32::RTC_CNTL::PTR };
    // SAFETY: any word may be written; this one opens the registers.
    rtc.wdtwprotect().write(|word| unsafe { word.bits(KEY) });
    // SAFETY: zero is off, the boot loader's protection of flash included.
    rtc.wdtconfig0().write(|word| unsafe { word.bits(0) });
    // SAFETY: another word than the key closes them.
    rtc.wdtwprotect().write(|word| unsafe { word.bits(0) });
    start_timer_groups();
    for group in [esp32::TIMG0::PTR, esp32::TIMG1::PTR] {
        // SAFETY: nothing else in this program uses the timer groups.
        let group = unsafe { &*group };
        // SAFETY: as above.
        group.wdtwprotect().write(|word| unsafe { word.bits(KEY) });
        // SAFETY: as above.
        group.wdtconfig0().write(|word| unsafe { word.bits(0) });
        // SAFETY: as above.
        group.wdtwprotect().write(|word| unsafe { word.bits(0) });
    }
}

/// Registers of a group without a clock, or in reset, ignore what is written.
fn start_timer_groups() {
    // SAFETY: nothing else in this program uses these two registers.
    let dport = unsafe { &*esp32::DPORT::PTR };
    dport.perip_clk_en().modify(|_, word| {
        word.timergroup_clk_en().set_bit();
        word.timergroup1_clk_en().set_bit()
    });
    dport.perip_rst_en().modify(|_, word| {
        word.timergroup_rst().clear_bit();
        word.timergroup1_rst().clear_bit()
    });
}
