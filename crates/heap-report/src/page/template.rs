//! How do a template, a style, data and a script become one text?

use serde::Serialize;

/// The parts of a page that are always the same.
pub(super) struct Page {
    /// With places such as `{{title}}`.
    pub(super) html: &'static str,
    pub(super) style: &'static str,
    pub(super) script: &'static str,
}

impl Page {
    /// The page that shows `data`.
    pub(super) fn with(&self, title: &str, data: &impl Serialize) -> serde_json::Result<String> {
        let data = safe_in_script(&serde_json::to_string(data)?);
        let texts = [
            ("title", escaped(title)),
            ("style", self.style.to_owned()),
            ("data", data),
            ("script", self.script.to_owned()),
        ];
        Ok(filled(self.html, &texts))
    }
}

/// Replaces `{{name}}` by its text; what is put in is not looked at again.
fn filled(template: &str, texts: &[(&str, String)]) -> String {
    let mut parts = template.split("{{");
    let mut page = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}").unwrap_or(("", part));
        let text = texts.iter().find(|(known, _)| *known == name);
        page.push_str(text.map_or("", |(_, text)| text));
        page.push_str(rest);
    }
    page
}

/// JSON in which no `</script>` can end the script element early.
fn safe_in_script(json: &str) -> String {
    json.replace('<', "\\u003c")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Page = Page {
        html: "<title>{{title}}</title><style>{{style}}</style><i>{{data}}</i><b>{{script}}</b>",
        style: "p{}",
        script: "f()",
    };

    #[test]
    fn every_part_is_in_its_place() {
        let page = PAGE.with("a & b", &[1, 2]).unwrap();
        let expected = "<title>a &amp; b</title><style>p{}</style><i>[1,2]</i><b>f()</b>";
        assert_eq!(page, expected);
    }

    #[test]
    fn text_of_a_program_cannot_end_the_script_or_be_a_place() {
        let page = PAGE.with("<b>{{style}}", &"</script>{{data}}").unwrap();
        let expected = "<title>&lt;b&gt;{{style}}</title><style>p{}</style><i>\"\\u003c/script>{{data}}\"</i><b>f()</b>";
        assert_eq!(page, expected);
    }
}
