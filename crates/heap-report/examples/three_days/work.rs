//! Work of the device, and the line that is wrong.

use std::collections::VecDeque;

use heap_caps::Failure;

use crate::device::{Device, MQTT, SENSOR, WEB};

type Refused = Box<Failure>;

/// Bytes of a TLS record that comes in, with what belongs to it.
const TLS_RECORD: usize = 16 * 1024 + 325;

pub(crate) struct Work {
    scenario: Scenario,
    pictures: VecDeque<u32>,
    reconnects: u32,
}

#[derive(PartialEq)]
enum Scenario {
    Leak,
    Fragmentation,
}

impl Work {
    pub(crate) fn leaking() -> Self {
        Self::with(Scenario::Leak)
    }

    pub(crate) fn fragmenting() -> Self {
        Self::with(Scenario::Fragmentation)
    }

    fn with(scenario: Scenario) -> Self {
        Self {
            scenario,
            pictures: VecDeque::new(),
            reconnects: 0,
        }
    }

    pub(crate) fn minute(&mut self, device: &mut Device<'_>, minute: u32) -> Result<(), Refused> {
        device.by(SENSOR, measure)?;
        if minute % 7 == 3 {
            device.by(WEB, |device| answer(device, minute))?;
        }
        if minute % 97 == 50 && self.scenario == Scenario::Fragmentation {
            device.by(WEB, |device| self.show_picture(device, minute))?;
        }
        if minute.is_multiple_of(12) {
            device.by(MQTT, |device| self.reconnect(device))?;
        }
        Ok(())
    }

    /// The broker refuses most of the time, and is asked again twelve minutes later.
    fn reconnect(&mut self, device: &mut Device<'_>) -> Result<(), Refused> {
        self.reconnects += 1;
        let session = device.allocate(860)?; // this line leaks: see below
        let record = device.allocate(TLS_RECORD)?;
        device.free(record);
        let is_refused = !self.reconnects.is_multiple_of(24);
        if is_refused && self.scenario == Scenario::Leak {
            return Ok(()); // … and the session stays
        }
        device.free(session);
        Ok(())
    }

    /// Pictures are kept until there are twenty-four, their titles for ever.
    fn show_picture(&mut self, device: &mut Device<'_>, minute: u32) -> Result<(), Refused> {
        if self.pictures.len() == 24 {
            let oldest = self.pictures.pop_front();
            oldest.into_iter().for_each(|picture| device.free(picture));
        }
        let size = 9000 + (minute as usize * 37) % 5000;
        self.pictures.push_back(device.allocate(size)?);
        device.allocate(40)?; // this line pins: the title lies between two pictures
        Ok(())
    }
}

fn measure(device: &mut Device<'_>) -> Result<(), Refused> {
    let sample = device.allocate(96)?;
    device.free(sample);
    Ok(())
}

fn answer(device: &mut Device<'_>, minute: u32) -> Result<(), Refused> {
    let request = device.allocate(512)?;
    let page = device.allocate(2000 + (minute as usize * 13) % 3000)?;
    device.free(request);
    device.free(page);
    Ok(())
}
