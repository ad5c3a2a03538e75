//! How the watchdogs are kept from resetting a program that does not feed them: the boot loader leaves the RTC's running, with nine seconds.

/// Opens the registers of a watchdog. Source: ESP32 Technical Reference Manual, RTC_CNTL_WDTWPROTECT_REG.
const KEY: u32 = 0x50D8_3AA1;

/// Stops them all.
pub(crate) fn off() {
    // SAFETY: nothing else in this program uses the registers of the RTC.
    let rtc = unsafe { &*esp32::RTC_CNTL::PTR };
    // SAFETY: any word may be written; this one opens the registers.
    rtc.wdtwprotect().write(|word| unsafe { word.bits(KEY) });
    // SAFETY: zero is off.
    rtc.wdtconfig0().write(|word| unsafe { word.bits(0) });
    // SAFETY: another word than the key closes them.
    rtc.wdtwprotect().write(|word| unsafe { word.bits(0) });
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
