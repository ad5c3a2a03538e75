//! "Did you mean …?" suggestions.

/// ` did you mean X?`, with a space before it; nothing if no name is near.
pub(crate) fn did_you_mean<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(word, names) {
        Some(name) => format!(" did you mean {name}?"),
        None => String::new(),
    }
}

/// Returns the name with the fewest slips between it and `word`: letters too many, too few, wrong
/// or swapped; at most a third.
fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let most = (word.len() / 3).max(1);
    let slips = |name: &str| strsim::damerau_levenshtein(&word, &name.to_ascii_lowercase());
    let near = names
        .into_iter()
        .map(|name| (slips(name), name))
        .filter(|(slips, _)| *slips <= most);
    near.min_by_key(|(slips, _)| *slips).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn a_slip_of_the_finger_is_answered_with_the_name() {
        let names = ["esp32", "esp32c3", "esp32p4"];
        assert_eq!(did_you_mean("esp32-c3", names), " did you mean esp32c3?");
        assert_eq!(did_you_mean("ESP33", names), " did you mean esp32?");
        assert_eq!(
            did_you_mean("psrma", ["psram", "rtc-heap"]),
            " did you mean psram?"
        );
    }

    #[test]
    fn what_is_like_nothing_gets_no_advice() {
        assert_eq!(did_you_mean("stm32f4", ["esp32", "esp32c3"]), "");
        assert_eq!(did_you_mean("", []), "");
    }
}
