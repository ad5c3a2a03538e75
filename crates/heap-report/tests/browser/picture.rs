//! Colours in a screenshot.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A part of a page, in its pixels.
#[derive(Debug, Clone, Copy)]
pub struct Rectangle {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

/// Red, green, blue.
pub type Color = [u8; 3];

pub struct Picture {
    pixels: Vec<u8>,
    channels: usize,
    width: usize,
}

impl Picture {
    /// Decodes a screenshot, and leaves it at `path` to be looked at.
    pub fn keep(base64: &str, path: &Path) -> Picture {
        let bytes = STANDARD.decode(base64).unwrap();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &bytes).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(info.bit_depth, png::BitDepth::Eight);
        Picture {
            pixels,
            channels: info.color_type.samples(),
            width: info.width as usize,
        }
    }

    /// Which part of `area` has about this colour, 0 to 1.
    pub fn share(&self, area: Rectangle, color: Color) -> f64 {
        let colors: Vec<Color> = self.colors(area).collect();
        let alike = colors.iter().filter(|other| is_alike(**other, color));
        alike.count() as f64 / colors.len().max(1) as f64
    }

    /// How many colours `area` has.
    pub fn variety(&self, area: Rectangle) -> usize {
        let mut colors: Vec<Color> = self.colors(area).collect();
        colors.sort_unstable();
        colors.dedup();
        colors.len()
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "pixels of a page"
    )]
    fn colors(&self, area: Rectangle) -> impl Iterator<Item = Color> + '_ {
        let dots = |length: f64| length.max(0.0).round() as usize;
        let height = self.pixels.len() / (self.width * self.channels);
        let rows = dots(area.top)..dots(area.top + area.height).min(height);
        let columns = dots(area.left)..dots(area.left + area.width).min(self.width);
        rows.flat_map(move |row| columns.clone().map(move |column| (row, column)))
            .map(|(row, column)| {
                let at = (row * self.width + column) * self.channels;
                [self.pixels[at], self.pixels[at + 1], self.pixels[at + 2]]
            })
    }
}

fn is_alike(one: Color, other: Color) -> bool {
    one.iter().zip(other).all(|(a, b)| a.abs_diff(b) <= 12)
}
