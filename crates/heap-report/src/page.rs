//! The recording as one web page that needs no other file.

use serde_json::to_string;

use crate::simulate::recording::Recording;

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
/// One script in four files, each of which may use what stands in those before it.
const SCRIPT: &str = concat!(
    include_str!("page/recording.js"),
    include_str!("page/maps.js"),
    include_str!("page/charts.js"),
    include_str!("page/page.js"),
);

/// The text of `heap.html`.
///
/// # Errors
/// The recording cannot be written as JSON.
pub fn page(recording: &Recording) -> serde_json::Result<String> {
    let data = safe_in_script(&to_string(recording)?);
    let title = escaped(&format!("{} serves {}", recording.chip, recording.trace));
    Ok(filled(
        PAGE,
        &[
            ("title", &title),
            ("style", STYLE),
            ("data", &data),
            ("script", SCRIPT),
        ],
    ))
}

/// Replaces `{{name}}` by its text; what is put in is not looked at again.
fn filled(template: &str, texts: &[(&str, &str)]) -> String {
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
    use super::{Recording, page};

    fn text() -> String {
        let trace = "a </script> & more".to_owned();
        page(&Recording {
            chip: "ESP32".to_owned(),
            trace,
            ..Recording::default()
        })
        .unwrap()
    }

    #[test]
    fn the_page_holds_title_style_data_and_script() {
        let text = text();
        assert!(text.contains("<title>ESP32 serves a &lt;/script&gt; &amp; more</title>"));
        assert!(text.contains("--ground:"));
        assert!(text.contains("\"chip\":\"ESP32\""));
        assert!(text.contains("Memory over time"));
        assert!(!text.contains("{{"), "a placeholder is left");
    }

    #[test]
    fn text_of_a_trace_cannot_end_the_data() {
        assert_eq!(text().matches("</script>").count(), 2);
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere() {
        let text = text().replace("http://www.w3.org/2000/svg", "");
        for reference in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!text.contains(reference), "{reference}");
        }
    }
}
