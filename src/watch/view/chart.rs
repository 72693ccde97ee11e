//! A number over time, drawn in dots of Braille characters.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::watch::cells::{TextRole, put, short_age};
use crate::watch::state::detail::NumberSeries;
use crate::watch::view::Theme;

/// The columns for the numbers on the left.
const LABELS: u16 = 10;

pub(crate) fn draw(series: &NumberSeries, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.width < LABELS + 4 || area.height < 4 {
        return;
    }
    let plot = Rect::new(area.x + LABELS, area.y, area.width - LABELS, area.height - 1);
    let points = &series.points;
    let first = points.iter().map(|point| point.0).fold(0.0, f64::min);
    let low = points.iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let high = points.iter().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max);
    // A constant is a line in the middle.
    let (low, high) = if high > low { (low, high) } else { (low - 1.0, high + 1.0) };
    let (wide, tall) = (usize::from(plot.width) * 2, usize::from(plot.height) * 4);
    let mut dots = vec![0_u8; usize::from(plot.width) * usize::from(plot.height)];
    let mut set = |x: usize, y: usize| {
        // The dots of a Braille character from U+2800 on: two columns of four.
        const BITS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
        let cell = y / 4 * usize::from(plot.width) + x / 2;
        if let Some(dots) = dots.get_mut(cell) {
            *dots |= BITS[x % 2][y % 4];
        }
    };
    let place = |(at, value): (f64, f64)| {
        let x = if first < 0.0 { (at - first) / -first } else { 1.0 };
        let y = ((high - value) / (high - low)).clamp(0.0, 1.0);
        (x.clamp(0.0, 1.0) * (wide - 1) as f64, y * (tall - 1) as f64)
    };
    let mut last: Option<(f64, f64)> = None;
    for point in points {
        let (x, y) = place(*point);
        let (from_x, from_y) = last.unwrap_or((x, y));
        let steps = (x - from_x).abs().max((y - from_y).abs()).ceil().max(1.0) as usize;
        for step in 0..=steps {
            let part = step as f64 / steps as f64;
            let at = (from_x + (x - from_x) * part).round() as usize;
            let row = (from_y + (y - from_y) * part).round() as usize;
            set(at.min(wide - 1), row.min(tall - 1));
        }
        last = Some((x, y));
    }
    for (cell, dots) in dots.into_iter().enumerate().filter(|(_, dots)| *dots > 0) {
        let x = plot.x + (cell % usize::from(plot.width)) as u16;
        let y = plot.y + (cell / usize::from(plot.width)) as u16;
        let character = char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' ');
        put(buffer, x, y, 1, character.encode_utf8(&mut [0; 4]), theme.style(TextRole::Number));
    }
    let faint = theme.style(TextRole::Faint);
    let rows =
        [(plot.y, high), (plot.y + plot.height / 2, f64::midpoint(low, high)), (plot.bottom() - 1, low)];
    for (y, value) in rows {
        put(buffer, area.x, y, LABELS - 1, &label(value), faint);
    }
    let oldest = format!("{} ago", short_age((-first * 1e6) as u64));
    put(buffer, plot.x, area.bottom() - 1, plot.width, &oldest, faint);
    put(buffer, plot.right() - 3, area.bottom() - 1, 3, "now", faint);
}

fn label(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e7).contains(&size) {
        return format!("{value:.2e}");
    }
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
