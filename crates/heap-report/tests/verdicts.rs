//! Verdicts about programs of which is known what is wrong with them. The example `verdicts`
//! measures more of them, and makes the table of `docs/debugging.md`.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

#[path = "../examples/verdicts/device.rs"]
mod device;
#[path = "../examples/verdicts/programs.rs"]
mod programs;
#[path = "../examples/verdicts/score.rs"]
mod score;

#[test]
fn nearly_all_verdicts_are_right_and_name_the_right_line() {
    let score = score::Score::of(1000, 3);
    for (kind, name) in score::KINDS {
        let (precision, recall, line) =
            (score.precision(kind), score.recall(kind), score.line(kind));
        assert!(
            precision >= 0.9 && recall >= 0.9 && line >= 0.8,
            "{name}\n{score}\n{:#?}",
            score.wrong
        );
    }
}
