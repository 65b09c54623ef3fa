//! A mode's table, in Markdown that can be read on a terminal too.

use crate::rounds::{Results, Row};

/// The table, without its title.
pub(crate) fn markdown(results: &Results) -> String {
    let yardstick = results.mode.yardstick.and_then(|name| results.row(name));
    let best = results.best_peer().filter(|_| results.mode.has_ratios());
    let has_notes = results.rows.iter().any(|row| note(row).is_some());
    let mut heads = vec!["contender".to_owned(), results.mode.unit.to_owned()];
    if let Some(row) = yardstick {
        heads.push(format!("/ {}", row.contender.name));
    }
    if best.is_some() {
        heads.push("/ best peer".to_owned());
    }
    heads.extend(results.mode.columns.iter().map(|&column| column.to_owned()));
    if results.mode.is_a_rate() {
        heads.extend(["server busy".to_owned(), "dropped".to_owned()]);
    }
    let columns = heads.len();
    if has_notes {
        heads.push("note".to_owned());
    }
    let mut lines = vec![heads];
    for row in &results.rows {
        let mut cells = line(results, row, yardstick, best);
        if let Some(note) = note(row) {
            cells.resize(columns, "–".to_owned());
            cells.push(note.replace('|', "/"));
        }
        lines.push(cells);
    }
    align(&lines)
}

/// Why there is no figure, or what the figures do not say.
fn note(row: &Row) -> Option<String> {
    let of_sample = row.samples.iter().flatten().map(|figures| &figures.note).find(|note| !note.is_empty());
    let failure = row.failure.as_ref().map(|reason| format!("failed: {reason}"));
    failure.or_else(|| of_sample.cloned())
}

fn line(results: &Results, row: &Row, yardstick: Option<&Row>, best: Option<&Row>) -> Vec<String> {
    let name = row.contender.role.emphasize(row.contender.name);
    let Some(main) = row.median(|figures| figures.main) else {
        return vec![name, "–".to_owned()];
    };
    let mut cells = vec![name, number(main)];
    let ratio = |to: &Row| results.ratio(row, to).map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
    cells.extend(yardstick.map(ratio));
    cells.extend(best.map(ratio));
    for column in 0..results.mode.columns.len() {
        cells.push(row.median(|figures| figures.others[column]).map_or("–".to_owned(), number));
    }
    if results.mode.is_a_rate() {
        let busy = row.median(|figures| figures.server_ns as f64 / figures.wall_ns.max(1) as f64);
        cells.push(format!("{:.2}", busy.unwrap_or_default()));
        cells.push(row.dropped().to_string());
    }
    cells
}

/// Three digits that count, thousands separated.
pub(crate) fn number(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude < 10.0 {
        return format!("{value:.2}");
    }
    if magnitude < 100.0 {
        return format!("{value:.1}");
    }
    let unit = 10_f64.powf(magnitude.log10().floor() - 2.0).max(1.0);
    let digits = format!("{:.0}", (value / unit).round() * unit);
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Columns of one width; the first line is the head.
pub(crate) fn align(lines: &[Vec<String>]) -> String {
    let count = lines.first().map_or(0, Vec::len);
    let cell = |line: &Vec<String>, column: usize| line.get(column).cloned().unwrap_or_default();
    let width =
        |column: usize| lines.iter().map(|line| cell(line, column).chars().count()).max().unwrap_or(0).max(3);
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        for (column, width) in widths.iter().enumerate() {
            let cell = cell(line, column);
            text += &if column == 0 { format!("| {cell:<width$} ") } else { format!("| {cell:>width$} ") };
        }
        text += "|\n";
        if index == 0 {
            for (column, width) in widths.iter().enumerate() {
                text += &if column == 0 {
                    format!("|{:-<w$}", "", w = width + 2)
                } else {
                    format!("|{:-<w$}:", "", w = width + 1)
                };
            }
            text += "|\n";
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let texts = [0.5, 12.34, 123.4, 1234.0, 5_835_944.0].map(number);
        assert_eq!(texts, ["0.50", "12.3", "123", "1,230", "5,840,000"]);
    }

    #[test]
    fn a_table_is_aligned() {
        let lines = [vec!["a".to_owned(), "bcdef".to_owned()], vec!["long".to_owned(), "1".to_owned()]];
        assert_eq!(align(&lines), "| a    | bcdef |\n|------|------:|\n| long |     1 |\n");
    }
}
