//! Table of numbers for a terminal: right-aligned columns, the name last.

use std::fmt::{self, Display, Formatter};

/// Columns of numbers and a name.
pub(crate) struct Table<const COLUMNS: usize> {
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    pub(crate) fn new(heads: [&str; COLUMNS]) -> Self {
        Table {
            rows: vec![heads.map(str::to_owned)],
        }
    }

    pub(crate) fn row(&mut self, cells: [String; COLUMNS]) {
        self.rows.push(cells);
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    }
}

impl<const COLUMNS: usize> Display for Table<COLUMNS> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            for (column, cell) in row.iter().enumerate() {
                if column + 1 < COLUMNS {
                    write!(out, "  {cell:>width$}", width = self.width(column))?;
                } else {
                    writeln!(out, "  {cell}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn numbers_stand_right_under_their_head_and_names_left() {
        let mut table = Table::new(["now", "site"]);
        table.row(["7".into(), "a.rs".into()]);
        table.row(["12,345".into(), "b.rs:7 run".into()]);
        assert_eq!(
            table.to_string(),
            "     now  site\n       7  a.rs\n  12,345  b.rs:7 run\n"
        );
    }
}
