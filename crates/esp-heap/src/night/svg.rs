//! The night as a picture: refused requests over memory, a line for each mechanism.

use std::fmt::{self, Display, Formatter, Write};

use super::{Mechanism, Night, Trial};

const WIDTH: u32 = 960;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 250.0;
const TOP: f64 = 60.0;
const HEIGHT: f64 = 260.0;
/// Of a trace's drawing, its title and axis included.
const STRIDE: f64 = 380.0;

const STYLE: &str = "\
:root{color-scheme:light dark}text{font-family:Inter,'Segoe UI','Noto Sans','DejaVu Sans',sans-serif;\
font-size:13px;fill:#1b2430}.h{font-size:17px;font-weight:700}.e{text-anchor:end}.c{text-anchor:middle}\
.s{fill:#5b6777}.g{stroke:#cdd4dc}path{fill:none;stroke-width:2.5}.ground{fill:#f7f8fa}\
@media(prefers-color-scheme:dark){text{fill:#e7ecf3}.s{fill:#98a5b8}.g{stroke:#36445a}.ground{fill:#0e131a}}";

const fn colour(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::Nothing => "#c62839",
        Mechanism::Shrinkers => "#d9822b",
        Mechanism::Waiting => "#3f78c2",
        Mechanism::ShrinkersAndWaiting => "#14805a",
        Mechanism::Emergency => "#8a5fbf",
        Mechanism::Minimum => "#5b8a99",
    }
}

/// The picture of some nights, one below the other.
pub(crate) struct Picture<'a>(pub(crate) &'a [Night]);

impl Display for Picture<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let height = STRIDE * self.0.len() as f64 + 10.0;
        writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
             width=\"{WIDTH}\" height=\"{height:.0}\">\n\
             <title>Refused requests of programs with too little memory</title>\n\
             <style>{STYLE}</style>\n<rect class=\"ground\" width=\"{WIDTH}\" height=\"{height:.0}\"/>"
        )?;
        for (index, night) in self.0.iter().enumerate() {
            Plot::of(night, STRIDE * index as f64).draw(out)?;
        }
        out.write_str("</svg>\n")
    }
}

/// The drawing of one trace.
struct Plot<'a> {
    night: &'a Night,
    top: f64,
    least: u32,
    most: u32,
    /// Most refused requests, at least 1.
    refused: usize,
}

impl<'a> Plot<'a> {
    fn of(night: &'a Night, top: f64) -> Self {
        let percents = || night.rows.iter().map(|row| row.percent);
        let refused = night.rows.iter().map(|row| row.outcome.refused);
        Self {
            night,
            top: top + TOP,
            least: percents().min().unwrap_or(0),
            most: percents().max().unwrap_or(0),
            refused: refused.max().unwrap_or(0).max(1),
        }
    }

    /// Returns the abscissa of `percent`; memory becomes less to the right.
    fn x(&self, percent: u32) -> f64 {
        let range = f64::from((self.most - self.least).max(1));
        let width = f64::from(WIDTH) - LEFT - RIGHT;
        LEFT + f64::from(self.most - percent) / range * width
    }

    fn y(&self, refused: usize) -> f64 {
        self.top + HEIGHT - refused as f64 / self.refused as f64 * HEIGHT
    }

    fn draw(&self, out: &mut impl Write) -> fmt::Result {
        let Night { name, enough, .. } = self.night;
        let (title, bottom) = (self.top - 30.0, self.top + HEIGHT);
        writeln!(
            out,
            "<text class=\"h\" x=\"{LEFT}\" y=\"{title:.0}\">{name}: requests refused, \
             100 % of memory is {enough} B</text>"
        )?;
        for part in 0..=4 {
            let refused = self.refused * part / 4;
            let y = self.y(refused);
            writeln!(
                out,
                "<line class=\"g\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"e s\" x=\"{:.0}\" y=\"{:.1}\">{refused}</text>",
                self.x(self.least),
                LEFT - 8.0,
                y + 4.0
            )?;
        }
        let mut percents: Vec<u32> = self.night.rows.iter().map(|row| row.percent).collect();
        percents.dedup();
        for percent in percents {
            let (x, y) = (self.x(percent), bottom + 20.0);
            writeln!(
                out,
                "<text class=\"c s\" x=\"{x:.1}\" y=\"{y:.0}\">{percent} %</text>"
            )?;
        }
        self.lines(out)
    }

    fn lines(&self, out: &mut impl Write) -> fmt::Result {
        let of = |mechanism| {
            self.night
                .rows
                .iter()
                .filter(move |row| row.mechanism == mechanism)
        };
        for mechanism in Mechanism::ALL {
            write!(out, "<path stroke=\"{}\" d=\"", colour(mechanism))?;
            for (
                index,
                Trial {
                    percent, outcome, ..
                },
            ) in of(mechanism).enumerate()
            {
                let command = if index == 0 { 'M' } else { 'L' };
                let (x, y) = (self.x(*percent), self.y(outcome.refused));
                write!(out, "{command}{x:.1} {y:.1}")?;
            }
            writeln!(out, "\"/>")?;
        }
        for (index, mechanism) in Mechanism::ALL.into_iter().enumerate() {
            let (x, y) = (
                f64::from(WIDTH) - RIGHT + 24.0,
                self.top + 22.0 * index as f64,
            );
            writeln!(
                out,
                "<rect x=\"{x:.0}\" y=\"{:.0}\" width=\"12\" height=\"12\" fill=\"{}\"/>\
                 <text x=\"{:.0}\" y=\"{:.0}\">{}</text>",
                y - 10.0,
                colour(mechanism),
                x + 20.0,
                y + 1.0,
                mechanism.name()
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Picture;
    use crate::night::{Mechanism, Night, Outcome, Trial};

    #[test]
    fn every_mechanism_has_a_line_and_more_refusals_are_higher() {
        let row = |percent, mechanism, refused| Trial {
            percent,
            bytes: percent * 10,
            mechanism,
            outcome: Outcome {
                refused,
                ..Outcome::default()
            },
        };
        let rows = Mechanism::ALL
            .into_iter()
            .flat_map(|mechanism| [row(100, mechanism, 0), row(90, mechanism, 8)]);
        let night = Night {
            name: "a".into(),
            enough: 1000,
            rows: rows.collect(),
        };
        let picture = Picture(&[night]).to_string();
        assert_eq!(picture.matches("<path").count(), Mechanism::ALL.len());
        assert!(
            picture.contains("d=\"M90.0 320.0L710.0 60.0\""),
            "{picture}"
        );
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    }
}
