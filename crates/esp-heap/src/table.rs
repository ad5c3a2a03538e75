//! Tables on the terminal: one look for every command.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// Returns a table with these column heads; the first column is text, the others are numbers
/// (right-aligned).
pub fn of_numbers<const COLUMNS: usize>(heads: [&str; COLUMNS]) -> Table {
    let mut table = of_text(heads);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The same with as many columns as there are heads.
pub fn of_heads(heads: Vec<String>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(heads);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Returns a table with these column heads, every column left-aligned.
pub fn of_text<const COLUMNS: usize>(heads: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(heads);
    table
}

/// Leaves one space between columns, for tables with many of them.
pub fn narrow(table: &mut Table) {
    table.load_style(presets::UTF8_BORDERS_ONLY);
    let last = table.column_count().saturating_sub(1);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((u16::from(index == 0), u16::from(index == last)));
    }
}

/// Breaks the lines of cells so that the table is at most 100 columns wide.
pub fn wrap(table: &mut Table) {
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(100);
}

#[cfg(test)]
mod tests {
    use super::of_numbers;

    #[test]
    fn numbers_stand_right_under_their_head() {
        let mut table = of_numbers(["heap", "bytes"]);
        table.add_row(["DRAM", "7"]);
        let text = table.to_string();
        assert!(text.contains("│ DRAM ┆     7 │"), "{text}");
    }
}
