//! Columns, two spaces apart, no lines: readable in a pipe.

use comfy_table::{ContentArrangement, Table, presets};

/// Rows under a heading. The last column is never cut.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(heading.iter().copied());
    for row in rows {
        table.add_row(row.iter().map(|cell| super::one_line_keeping_colour(cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let text = table.to_string();
    text.lines().fold(String::new(), |mut all, line| {
        all.push_str(line.trim_end());
        all.push('\n');
        all
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_line_up_also_with_wide_characters() {
        let rows = [
            vec!["운영".to_owned(), "x".to_owned()],
            vec!["prod".to_owned(), "y".to_owned()],
        ];
        assert_eq!(
            super::table(&["NAME", "WHAT"], &rows),
            "NAME  WHAT\n운영  x\nprod  y\n"
        );
    }
}
