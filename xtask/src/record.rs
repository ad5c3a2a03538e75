//! Tables of record in documents, and their renewal.
//!
//! ```text
//!   <!-- cargo xtask bench --target esp32 -->
//!   …tables, replaced as a whole…
//!   <!-- end -->
//! ```

use std::fs;
use std::path::Path;

use crate::error::Error;

const END: &str = "<!-- end -->";

/// Replaces what stands in `file` between the line that names `command` and the next end line by a
/// block of text.
pub(crate) fn write(file: &Path, command: &str, tables: &str) -> Result<(), Error> {
    write_markdown(
        file,
        command,
        &format!("```text\n{}\n```", tables.trim_end()),
    )
}

/// The same by Markdown as it is.
pub(crate) fn write_markdown(file: &Path, command: &str, markdown: &str) -> Result<(), Error> {
    let text = fs::read_to_string(file).map_err(|error| Error::file(file, error))?;
    let renewed = replaced(&text, command, markdown).ok_or_else(|| {
        Error::Usage(format!(
            "{}: no line says <!-- {command} --> with a line {END} behind it",
            file.display()
        ))
    })?;
    fs::write(file, renewed).map_err(|error| Error::file(file, error))
}

fn replaced(text: &str, command: &str, markdown: &str) -> Option<String> {
    let head = format!("<!-- {command} -->\n");
    let start = text.find(&head)? + head.len();
    let end = start + text[start..].find(END)?;
    let (before, after) = (&text[..start], &text[end..]);
    Some(format!("{before}\n{}\n\n{after}", markdown.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn the_section_of_the_command_is_replaced_and_nothing_else() {
        let text =
            "# A\n<!-- bench a -->\nold\n<!-- end -->\n<!-- bench b -->\nkept\n<!-- end -->\n";
        let renewed =
            "# A\n<!-- bench a -->\n\nnew\n\n<!-- end -->\n<!-- bench b -->\nkept\n<!-- end -->\n";
        assert_eq!(replaced(text, "bench a", "new\n").as_deref(), Some(renewed));
        assert_eq!(
            replaced(renewed, "bench a", "new").as_deref(),
            Some(renewed)
        );
    }

    #[test]
    fn a_document_without_the_section_is_refused() {
        assert_eq!(replaced("# A\n", "bench a", "new"), None);
        assert_eq!(
            replaced("<!-- bench a -->\nno end\n", "bench a", "new"),
            None
        );
    }
}
