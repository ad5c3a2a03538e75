//! Pages from a template: body, style, data and script become one text.

use serde::Serialize;

/// What every page has, with places such as `{{title}}`.
const SKELETON: &str = include_str!("shared/page.html");

/// What makes a page this page, whatever it shows.
pub(super) struct Page {
    /// What its script fills.
    pub(super) body: &'static str,
    pub(super) style: &'static str,
    pub(super) script: &'static str,
}

impl Page {
    /// Returns the page that shows `data`; where scripts are switched off, it shows `text` in its
    /// place.
    pub(super) fn with(
        &self,
        title: &str,
        text: &str,
        data: &impl Serialize,
    ) -> serde_json::Result<String> {
        let data = safe_in_script(&serde_json::to_string(data)?);
        let texts = [
            ("title", escaped(title)),
            ("body", self.body.to_owned()),
            ("text", escaped(text)),
            ("style", self.style.to_owned()),
            ("data", data),
            ("script", self.script.to_owned()),
        ];
        Ok(filled(SKELETON, &texts))
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

    #[test]
    fn every_part_is_in_its_place() {
        let page = Page {
            body: "<p>",
            style: "p{}",
            script: "f()",
        };
        let page = page.with("a & b", "c < d", &[1, 2]).unwrap();
        for part in [
            "<title>a &amp; b</title>",
            "<main>\n<p>",
            "<pre>c &lt; d</pre>",
            "<style>\np{}",
            "json\">[1,2]<",
            "module\">\nf()",
        ] {
            assert_eq!(page.matches(part).count(), 1, "{part}");
        }
        assert!(!page.contains("{{"), "a place is left");
    }

    #[test]
    fn text_of_a_program_cannot_end_the_script_or_be_a_place() {
        let texts = [
            ("title", escaped("<b>{{style}}")),
            ("data", safe_in_script("</script>{{data}}")),
        ];
        let page = filled("<title>{{title}}</title><i>{{data}}</i>", &texts);
        let expected = "<title>&lt;b&gt;{{style}}</title><i>\\u003c/script>{{data}}</i>";
        assert_eq!(page, expected);
    }
}
