//! SVG canvas: a sheet that grows downwards, and the look of everything on it.

use std::borrow::Cow;
use std::fmt::{self, Formatter, Write};

pub(crate) const WIDTH: u32 = 1240;
pub(crate) const MARGIN: u32 = 48;
pub(crate) const INNER: u32 = WIDTH - 2 * MARGIN;

/// The fill of memory that is not for heaps.
pub(crate) const RESERVED: &str = "url(#reserved)";

const STYLE: &str = "\
:root{color-scheme:light dark}text{font-family:Inter,'Segoe UI','Noto Sans','DejaVu Sans',sans-serif;font-size:13px;fill:#1b2430}\
.m{font-family:ui-monospace,'Cascadia Mono','DejaVu Sans Mono',monospace;font-size:12px}\
.h1{font-size:28px;font-weight:700}.h2{font-size:17px;font-weight:700}.s{fill:#5b6777}.b{font-weight:600}\
.w{fill:#fff;font-weight:600}.t{font-size:10px}.better{fill:#14805a;font-weight:600}.worse{fill:#c62839;font-weight:600}.ticks{stroke:#5b6777;fill:none}.e{text-anchor:end}.c{text-anchor:middle}";

/// What is drawn in a colour of daylight, as a dark screen shows it.
const NIGHT: [(&str, &str); 12] = [
    (GROUND, "#0e131a"),
    (CARD, "#171e28"),
    ("#e3e7ec", "#232d3a"),
    ("#cdd4dc", "#36445a"),
    ("#1b2430", "#4a586f"),
    ("#5b6777", "#6b7a92"),
    ("#9aa5b4", "#8f9cb0"),
    ("#24456f", "#6ea0e6"),
    ("#6f93c2", "#4c74ad"),
    ("#c3d3e8", "#33507a"),
    ("#c62839", "#e5566b"),
    ("#d9822b", "#e39a52"),
];

/// Text, lines and classes on a dark screen.
const NIGHT_STYLE: &str = "text{fill:#e7ecf3}.s{fill:#98a5b8}.w{fill:#fff}.better{fill:#3dbb89}\
.worse{fill:#ff7d8c}[stroke=\"#dfe4ea\"]{stroke:#2a3442}.ticks{stroke:#98a5b8}";

const GROUND: &str = "#f7f8fa";
/// Of a card, and of what parts the pieces of a bar.
pub(crate) const CARD: &str = "#fff";

const DEFINITIONS: &str = "<defs><pattern id=\"reserved\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" \
patternTransform=\"rotate(45)\"><rect width=\"7\" height=\"7\" fill=\"#e3e7ec\"/>\
<rect width=\"2\" height=\"7\" fill=\"#cdd4dc\"/></pattern></defs>";

/// A picture that grows downwards: `y` is where the next line goes.
pub(crate) struct Canvas {
    body: String,
    pub(crate) y: u32,
}

impl Canvas {
    pub(crate) fn starting_at(y: u32) -> Canvas {
        Canvas {
            body: String::new(),
            y,
        }
    }

    pub(crate) fn text(&mut self, x: u32, y: u32, class: &str, text: &str) -> fmt::Result {
        writeln!(
            self.body,
            "<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{}</text>",
            escaped(text)
        )
    }

    pub(crate) fn rect(
        &mut self,
        x: f64,
        y: u32,
        width: f64,
        height: u32,
        fill: &str,
    ) -> fmt::Result {
        writeln!(
            self.body,
            "<rect x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{height}\" fill=\"{fill}\"/>"
        )
    }

    pub(crate) fn card(&mut self, top: u32, height: u32) -> fmt::Result {
        let (x, width) = (MARGIN - 20, INNER + 40);
        writeln!(
            self.body,
            "<rect x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"10\" fill=\"{CARD}\" stroke=\"#dfe4ea\"/>"
        )
    }

    /// Small lines upwards from `y`, every `step` pixels of `width` from `x` on.
    pub(crate) fn ticks(&mut self, x: u32, y: u32, width: f64, step: f64) -> fmt::Result {
        write!(self.body, "<path class=\"ticks\" d=\"")?;
        let mut at = 0.0;
        while at <= width + 0.5 {
            write!(self.body, "M{:.1} {y}v-5", f64::from(x) + at)?;
            at += step.max(1.0);
        }
        writeln!(self.body, "\"/>")
    }

    pub(crate) fn swatch(&mut self, x: u32, y: u32, fill: &str) -> fmt::Result {
        let y = y - 10;
        writeln!(
            self.body,
            "<rect x=\"{x}\" y=\"{y}\" width=\"12\" height=\"12\" rx=\"2.5\" fill=\"{fill}\" stroke=\"#0002\"/>"
        )
    }

    /// Swatches with their names, in as many lines as they need.
    pub(crate) fn legend(&mut self, entries: &[(&str, &str)]) -> fmt::Result {
        let mut x = MARGIN;
        for (name, fill) in entries {
            let width = 18 + text_width(name) + 26;
            if x + width > WIDTH - MARGIN {
                (x, self.y) = (MARGIN, self.y + 22);
            }
            self.swatch(x, self.y, fill)?;
            self.text(x + 18, self.y + 1, "", name)?;
            x += width;
        }
        self.y += 22;
        Ok(())
    }

    /// Writes two texts in a line, the first one bold.
    pub(crate) fn name_and_note(&mut self, x: u32, y: u32, name: &str, note: &str) -> fmt::Result {
        let (name, note) = (escaped(name), escaped(note));
        write!(
            self.body,
            "<text x=\"{x}\" y=\"{y}\"><tspan class=\"b\">{name}</tspan>"
        )?;
        writeln!(
            self.body,
            "<tspan class=\"m s\" dx=\"8\">{note}</tspan></text>"
        )
    }

    /// Everything that was drawn, as one document.
    pub(crate) fn write_document(&self, out: &mut Formatter<'_>, title: &str) -> fmt::Result {
        let height = self.y + MARGIN / 2;
        writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\">"
        )?;
        writeln!(out, "<title>{}: memory map</title>", escaped(title))?;
        write!(
            out,
            "<style>{STYLE}@media(prefers-color-scheme:dark){{{NIGHT_STYLE}"
        )?;
        for (day, night) in NIGHT {
            write!(out, "[fill=\"{day}\"]{{fill:{night}}}")?;
        }
        writeln!(out, "}}</style>{DEFINITIONS}")?;
        writeln!(
            out,
            "<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"{GROUND}\"/>"
        )?;
        write!(out, "{}</svg>", self.body)
    }
}

/// `text`, or as much of it as fits into `most` characters.
pub(crate) fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    if text.chars().count() <= most {
        return text.into();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    (kept + "…").into()
}

/// Returns the words of `text` in lines of at most `most` characters, if a word is not longer.
pub(crate) fn lines(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// About how many pixels `text` is wide: fonts differ, so rather too many.
pub(crate) fn text_width(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(0) * 8
}

/// `184 632 B`, with spaces that don't break.
pub(crate) fn grouped(bytes: u32) -> String {
    let digits = bytes.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text + "\u{a0}B"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_broken_into_lines_and_never_lost() {
        assert_eq!(lines("8BIT DMA INTERNAL", 9), ["8BIT DMA", "INTERNAL"]);
        assert_eq!(lines("RETENTION", 4), ["RETENTION"]);
        assert_eq!(lines("", 4), [""; 0]);
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(
            [1, 999, 1000, 1_234_567].map(grouped),
            [
                "1\u{a0}B",
                "999\u{a0}B",
                "1\u{a0}000\u{a0}B",
                "1\u{a0}234\u{a0}567\u{a0}B"
            ]
        );
    }
}
