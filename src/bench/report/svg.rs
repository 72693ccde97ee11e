//! Line charts and bars as SVG, for a page: they take their colours from its style sheet.

use std::fmt::Write as _;

use crate::output::sanitize::escape;

/// Text for HTML and SVG, control characters made visible.
#[must_use]
pub fn escaped(text: &str) -> String {
    escape(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 40.0;

/// How values lie on an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// From 0 to this.
    Linear(f64),
    /// From the first, above 0, to the second.
    Log(f64, f64),
}

impl Scale {
    /// From 0 to a round number that is at least this.
    #[must_use]
    pub fn linear(most: f64) -> Self {
        let step = round_step(most.max(1e-9));
        Self::Linear((most / step).ceil().max(1.0) * step)
    }

    /// Whole decades that hold both values.
    #[must_use]
    pub fn log(least: f64, most: f64) -> Self {
        let low = least.max(1.0).log10().floor();
        let high = most.max(1.0).log10().ceil().max(low + 1.0);
        Self::Log(10_f64.powf(low), 10_f64.powf(high))
    }

    /// Where a value lies, from 0 to 1.
    fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear(most) => (value / most).clamp(0.0, 1.0),
            Self::Log(low, high) => {
                ((value.max(low).log10() - low.log10()) / (high.log10() - low.log10())).clamp(0.0, 1.0)
            }
        }
    }

    fn ticks(self) -> Vec<f64> {
        match self {
            Self::Linear(most) => {
                let step = round_step(most);
                (0..).map(|n| f64::from(n) * step).take_while(|tick| *tick <= most * 1.000_1).collect()
            }
            Self::Log(low, high) => {
                let decades = (high / low).log10().round() as u32;
                (0..=decades).map(|n| low * 10_f64.powi(n.cast_signed())).collect()
            }
        }
    }
}

/// A step of 1, 2 or 5 times a power of ten, with which it takes four to ten to the value.
fn round_step(most: f64) -> f64 {
    let raw = most / 5.0;
    let decade = 10_f64.powf(raw.log10().floor());
    let factor = match raw / decade {
        part if part < 1.5 => 1.0,
        part if part < 3.5 => 2.0,
        part if part < 7.5 => 5.0,
        _ => 10.0,
    };
    decade * factor
}

/// A line of a chart.
#[derive(Debug, Clone)]
pub struct ChartLine {
    /// What it shows.
    pub name: String,
    /// Which of the page's line colours it has: 1, 2 or 3.
    pub color: u8,
    /// Points in the units of the axes, from left to right.
    pub points: Vec<(f64, f64)>,
}

/// A chart of lines.
pub struct Chart<'a> {
    /// What screen readers say.
    pub label: &'a str,
    /// Across.
    pub x: Scale,
    /// Up.
    pub y: Scale,
    /// Marks on the x axis: place and text.
    pub x_marks: Vec<(f64, String)>,
    /// A value of the y axis in words.
    pub y_text: &'a dyn Fn(f64) -> String,
    /// The lines.
    pub lines: &'a [ChartLine],
}

fn across(part: f64) -> f64 {
    LEFT + part * (WIDTH - LEFT - RIGHT)
}

fn up(part: f64) -> f64 {
    HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)
}

fn open(out: &mut String, label: &str, height: f64) {
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">",
        escaped(label)
    );
}

impl Chart<'_> {
    /// Marks for a linear x axis, at round values.
    #[must_use]
    pub fn marks(x: Scale, text: impl Fn(f64) -> String) -> Vec<(f64, String)> {
        x.ticks().into_iter().map(|tick| (tick, text(tick))).collect()
    }

    /// The chart as an `svg` element, a legend above it.
    #[must_use]
    pub fn draw(&self) -> String {
        let mut out = String::from("<p class=\"legend\">");
        for line in self.lines {
            let _ = write!(out, "<span class=\"key c{}\">{}</span> ", line.color, escaped(&line.name));
        }
        out.push_str("</p>\n");
        open(&mut out, self.label, HEIGHT);
        for tick in self.y.ticks() {
            let y = up(self.y.place(tick));
            let _ = writeln!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                y + 4.0,
                escaped(&(self.y_text)(tick))
            );
        }
        for (place, text) in &self.x_marks {
            let _ = writeln!(
                out,
                "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                across(self.x.place(*place)),
                HEIGHT - BOTTOM + 18.0,
                escaped(text)
            );
        }
        for line in self.lines {
            let points: Vec<String> = line
                .points
                .iter()
                .map(|(x, y)| format!("{:.1},{:.1}", across(self.x.place(*x)), up(self.y.place(*y))))
                .collect();
            let _ = writeln!(
                out,
                "<polyline class=\"line c{}\" points=\"{}\"><title>{}</title></polyline>",
                line.color,
                points.join(" "),
                escaped(&line.name)
            );
        }
        out.push_str("</svg>\n");
        out
    }
}

/// Bars from left to right: label, value above 0, and what is said of it.
#[must_use]
pub fn bars(label: &str, bars: &[(String, f64, String)]) -> String {
    const ROW: f64 = 22.0;
    const LABELS: f64 = 150.0;
    const WORDS: f64 = 90.0;
    let most = bars.iter().map(|(_, value, _)| *value).fold(0.0, f64::max);
    let mut out = String::new();
    open(&mut out, label, ROW * bars.len() as f64 + 6.0);
    for (row, (name, value, words)) in bars.iter().enumerate() {
        let y = row as f64 * ROW + 4.0;
        let part = if most > 0.0 { value / most } else { 0.0 };
        let width = (part * (WIDTH - LABELS - WORDS)).max(1.0);
        let _ = writeln!(
            out,
            "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect class=\"bar\" x=\"{LABELS}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{:.1}\"/>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            LABELS - 8.0,
            y + 13.0,
            escaped(name),
            ROW - 5.0,
            LABELS + width + 6.0,
            y + 13.0,
            escaped(words)
        );
    }
    out.push_str("</svg>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_values() {
        assert_eq!(Scale::linear(930.0), Scale::Linear(1_000.0));
        assert!(Scale::linear(0.0).ticks().len() > 1);
        let Scale::Log(low, high) = Scale::log(120.0, 4_500.0) else { panic!() };
        assert!((low - 100.0).abs() < 1e-6 && (high - 10_000.0).abs() < 1e-6);
        assert_eq!(Scale::Linear(1_000.0).ticks(), [0.0, 200.0, 400.0, 600.0, 800.0, 1_000.0]);
        assert_eq!(Scale::Log(1.0, 100.0).ticks(), [1.0, 10.0, 100.0]);
        assert!((Scale::Log(1.0, 100.0).place(10.0) - 0.5).abs() < 1e-9);
        assert!((Scale::Linear(10.0).place(20.0) - 1.0).abs() < 1e-9);
        for most in [0.3, 1.0, 7.0, 99.0, 12_345.0, 1e7] {
            assert!((2..=11).contains(&Scale::linear(most).ticks().len()), "{most}");
        }
    }

    #[test]
    fn text_from_outside_is_no_markup() {
        let line = ChartLine { name: "<b>".to_owned(), color: 1, points: vec![(0.0, 1.0), (1.0, 2.0)] };
        let x = Scale::Linear(1.0);
        let chart = Chart {
            label: "a \"b\"",
            x,
            y: Scale::Linear(2.0),
            x_marks: Chart::marks(x, |tick| format!("{tick:.1}")),
            y_text: &|value| value.to_string(),
            lines: &[line],
        };
        let text = chart.draw();
        assert!(!text.contains("<b>") && text.contains("&lt;b&gt;") && text.contains("a &quot;b&quot;"));
        assert!(text.contains("points=\"64.0,116.0 704.0,12.0\""), "{text}");
        assert!(!bars("x", &[("<i>".to_owned(), 1.0, "&".to_owned())]).contains("<i>"));
    }
}
