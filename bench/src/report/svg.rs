//! A mode's picture: a bar for each contender.

use std::fmt::Write as _;

use super::table::number;
use crate::contenders::Role;
use crate::rounds::{Results, Row};

const WIDTH: f64 = 760.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 90.0;
const TOP: f64 = 56.0;
const STEP: f64 = 24.0;

/// The picture; nothing when there is no figure.
pub(crate) fn picture(results: &Results) -> Option<String> {
    let bars: Vec<(&Row, f64)> =
        results.rows.iter().filter_map(|row| Some((row, row.median(|figures| figures.main)?))).collect();
    let highest = bars.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    if highest <= 0.0 {
        return None;
    }
    let height = TOP + STEP * bars.len() as f64 + 12.0;
    let less = if results.mode.is_less_better() { "less is better" } else { "more is better" };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"13\" role=\"img\" aria-label=\"{title}\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" rx=\"6\" fill=\"#ffffff\"/>\n\
         <text x=\"14\" y=\"24\" font-size=\"15\" font-weight=\"bold\" fill=\"#1a2233\">{title}</text>\n\
         <text x=\"14\" y=\"42\" fill=\"#5a6478\">{unit}; {less}</text>\n",
        title = escaped(results.mode.title),
        unit = escaped(results.mode.unit),
    );
    for (index, (row, value)) in bars.iter().enumerate() {
        let y = TOP + STEP * index as f64;
        let length = (WIDTH - LEFT - RIGHT) * value / highest;
        let colour = match row.contender.role {
            Role::Limit => "#b8c0cc",
            Role::Ours => "#0f8b8d",
            Role::Peer => "#6b7a99",
        };
        let middle = y + 15.0;
        // A writer of strings cannot fail.
        let _ = write!(
            svg,
            "<text x=\"{name_x}\" y=\"{middle}\" text-anchor=\"end\" fill=\"#1a2233\">{name}</text>\n\
             <rect x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"18\" rx=\"2\" fill=\"{colour}\"/>\n\
             <text x=\"{value_x:.1}\" y=\"{middle}\" fill=\"#1a2233\">{value}</text>\n",
            name = escaped(row.contender.name),
            name_x = LEFT - 8.0,
            value_x = LEFT + length + 6.0,
            value = number(*value),
        );
    }
    Some(svg + "</svg>\n")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
