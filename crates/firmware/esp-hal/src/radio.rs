//! Shared parts of the programs with Wi-Fi.

use embassy_time::Timer;
use esp_hal::peripherals::WIFI;
use esp_println::println;
use esp_radio::wifi::WifiController;
use esp_radio::wifi::scan::ScanConfig;

/// Starts the radio, then scans and shows the memory after each scan.
pub async fn scan_for_ever(radio: WIFI<'static>, show_memory: impl Fn()) -> ! {
    show_memory();
    let mut controller = WifiController::new(radio, Default::default())
        .unwrap_or_else(|cause| panic!("Wi-Fi: {cause:?}"));
    println!("Wi-Fi is ready");
    show_memory();
    loop {
        match controller.scan_async(&ScanConfig::default()).await {
            Ok(found) => found.iter().for_each(|point| {
                println!("{}: {} dBm", point.ssid.as_str(), point.signal_strength)
            }),
            Err(cause) => println!("the scan ended: {cause:?}"),
        }
        show_memory();
        Timer::after_secs(5).await;
    }
}
