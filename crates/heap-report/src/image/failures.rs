//! Failure log of an image: requests that failed before the crash, and in runs before it.

use heap_trace::{FailureLog, FailureRecord};

use super::MemoryImage;
use crate::terminal::printable;

/// Logs with accounts of more owners are not looked for.
const MOST_OWNERS: usize = 64;
/// More places with a log's first word are chance.
const MOST_LOGS: usize = 64;
/// No log keeps more records.
const MOST_RECORDS: usize = 256;

type Log = FailureLog<1, 0>;
type Record = FailureRecord<MOST_OWNERS>;

/// Returns a sentence for each failure that is kept, the latest first.
pub(super) fn sentences(memory: &MemoryImage) -> Vec<String> {
    let magic = Log::MAGIC.to_le_bytes();
    let mut records: Vec<Record> = memory
        .find(&magic)
        .take(MOST_LOGS)
        .flat_map(|log| of_log(memory, log))
        .collect();
    records.sort_by_key(|record| std::cmp::Reverse(record.number()));
    records
        .iter()
        .map(|record| printable(&record.to_string()).into_owned())
        .collect()
}

fn of_log(memory: &MemoryImage, log: u64) -> Vec<Record> {
    let first = log + 4 * Log::LEAD_WORDS as u64;
    let record = |owners: usize, place: usize| {
        let words = Log::RECORD_WORDS + owners;
        memory.words(first + 4 * (words * place) as u64, words)
    };
    // How many owners a record has is not known; of one number only, its check is right.
    let owners = (0..=MOST_OWNERS).find(|&owners| {
        let words = record(owners, 0);
        words.is_some_and(|words| Record::from_image(&words).is_some())
    });
    let Some(owners) = owners else {
        return Vec::new();
    };
    let places = (0..MOST_RECORDS).map_while(|place| Record::from_image(&record(owners, place)?));
    places.collect()
}
