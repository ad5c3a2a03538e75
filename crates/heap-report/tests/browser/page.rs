//! An open page: what can be done with it and asked of it.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::Screen;
use super::picture::{Color, Picture, Rectangle};
use super::pipe::Pipe;

/// A page in a tab of its own, closed when it is dropped.
pub struct Page<'a> {
    pipe: &'a mut Pipe,
    target: String,
    session: String,
    url: String,
    name: String,
    screen: Screen,
}

impl<'a> Page<'a> {
    pub(super) fn open(
        pipe: &'a mut Pipe,
        name: &str,
        html: &str,
        screen: Screen,
        has_scripts: bool,
    ) -> Page<'a> {
        let name = format!("{name}-{}", screen.name);
        let file = folder().join(format!("{name}.html"));
        fs::create_dir_all(folder()).unwrap();
        fs::write(&file, html).unwrap();
        let target = pipe.call("", "Target.createTarget", &json!({ "url": "about:blank" }));
        let target = target["targetId"].as_str().unwrap().to_owned();
        let attach = json!({ "targetId": target, "flatten": true });
        let session = pipe.call("", "Target.attachToTarget", &attach)["sessionId"].clone();
        let mut page = Page {
            pipe,
            target,
            session: session.as_str().unwrap().to_owned(),
            url: format!("file://{}", file.display()),
            name,
            screen,
        };
        page.load(has_scripts);
        page
    }

    fn load(&mut self, has_scripts: bool) {
        self.pipe.events.clear();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(&format!("{domain}.enable"), &json!({}));
        }
        self.show_on_screen(u64::from(self.screen.height));
        let scripts = json!({ "value": !has_scripts });
        self.call("Emulation.setScriptExecutionDisabled", &scripts);
        self.call("Page.navigate", &json!({ "url": self.url }));
        self.pipe.wait_for("Page.loadEventFired");
    }

    fn show_on_screen(&mut self, height: u64) {
        let width = self.screen.width;
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": self.screen.is_phone });
        self.call("Emulation.setDeviceMetricsOverride", &metrics);
        let touch = json!({ "enabled": self.screen.is_phone });
        self.call("Emulation.setTouchEmulationEnabled", &touch);
        let scheme = if self.screen.is_dark { "dark" } else { "light" };
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" }, // what scrolls slowly is not where it was found
        ]);
        self.call(
            "Emulation.setEmulatedMedia",
            &json!({ "features": features }),
        );
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.pipe.call(&self.session, method, parameters)
    }

    /// The value of a JavaScript expression.
    pub fn value(&mut self, expression: &str) -> Value {
        let parameters =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", &parameters);
        let exception = &answer["exceptionDetails"];
        assert!(
            exception.is_null(),
            "{}: {expression}: {exception:#}",
            self.name
        );
        answer["result"]["value"].clone()
    }

    /// What the first element of `selector` says.
    pub fn text(&mut self, selector: &str) -> String {
        let first = self.texts(selector).into_iter().next();
        first.unwrap_or_else(|| panic!("{}: there is no {selector}", self.name))
    }

    /// What all elements of `selector` say, with ordinary spaces.
    pub fn texts(&mut self, selector: &str) -> Vec<String> {
        let all = self.value(&format!(
            "[...document.querySelectorAll({selector:?})].map((node) => (node.innerText ?? node.textContent).replaceAll('\u{a0}', ' '))"
        ));
        serde_json::from_value(all).unwrap()
    }

    pub fn count(&mut self, selector: &str) -> u64 {
        let count = self.value(&format!("document.querySelectorAll({selector:?}).length"));
        count.as_u64().unwrap()
    }

    /// Presses a key while `selector` has the focus.
    pub fn press(&mut self, selector: &str, key: &str) {
        self.value(&format!("document.querySelector({selector:?}).focus()"));
        let code = match key {
            "Enter" => 13,
            "End" => 35,
            "Home" => 36,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            _ => panic!("{key} has no code here"),
        };
        for kind in ["rawKeyDown", "keyUp"] {
            let event =
                json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            self.call("Input.dispatchKeyEvent", &event);
        }
        self.settle();
    }

    /// Types into `selector` as if every key was pressed.
    pub fn write(&mut self, selector: &str, text: &str) {
        self.value(&format!("document.querySelector({selector:?}).select()"));
        self.call("Input.insertText", &json!({ "text": text }));
        self.settle();
    }

    /// Clicks or taps the middle of `selector`.
    pub fn click(&mut self, selector: &str) {
        self.click_at(selector, 0.5, 0.5);
    }

    /// Clicks or taps `selector` at this share of its width and height.
    pub fn click_at(&mut self, selector: &str, across: f64, down: f64) {
        self.value(&format!(
            "document.querySelector({selector:?}).scrollIntoView({{ block: 'center', behavior: 'instant' }})"
        ));
        self.value(&format!(
            "void (window.clicked = new Promise((done) => addEventListener('click', ({{ target }}) => \
             done(target.closest({selector:?}) ? '' : target.outerHTML), {{ once: true, capture: true }})))"
        ));
        let area = self.area(selector);
        let (x, y) = (
            area.left + area.width * across,
            area.top + area.height * down,
        );
        if self.screen.is_phone {
            let points = json!([{ "x": x, "y": y }]);
            self.call(
                "Input.dispatchTouchEvent",
                &json!({ "type": "touchStart", "touchPoints": points }),
            );
            self.call(
                "Input.dispatchTouchEvent",
                &json!({ "type": "touchEnd", "touchPoints": [] }),
            );
        } else {
            for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
                let event =
                    json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 });
                self.call("Input.dispatchMouseEvent", &event);
            }
        }
        let hit = self.value("window.clicked"); // a tap becomes a click later
        assert_eq!(hit, "", "{}: clicked beside {selector}", self.name);
        self.settle();
    }

    /// Waits until the page has drawn what was asked for.
    pub(super) fn settle(&mut self) {
        self.value("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 30)))");
    }

    /// Where the first element of `selector` is in the window.
    pub fn area(&mut self, selector: &str) -> Rectangle {
        let found = self.value(&format!(
            "(() => {{ const box = document.querySelector({selector:?})?.getBoundingClientRect(); \
             return box ? [box.left, box.top, box.width, box.height] : null; }})()"
        ));
        let numbers: Option<[f64; 4]> = serde_json::from_value(found).unwrap();
        let [left, top, width, height] =
            numbers.unwrap_or_else(|| panic!("{}: there is no {selector}", self.name));
        Rectangle {
            left,
            top,
            width,
            height,
        }
    }

    /// Where the first element of `selector` is on the whole page.
    pub fn area_on_page(&mut self, selector: &str) -> Rectangle {
        let scrolled = self.value("window.scrollY").as_f64().unwrap();
        let area = self.area(selector);
        Rectangle {
            top: area.top + scrolled,
            ..area
        }
    }

    /// The colour of a variable of the style, such as `--used`.
    pub fn color(&mut self, variable: &str) -> Color {
        let text = self.value(&format!(
            "getComputedStyle(document.documentElement).getPropertyValue({variable:?}).trim()"
        ));
        let text = text.as_str().unwrap_or_default().to_owned();
        let channel = |at: usize| u8::from_str_radix(text.get(at..at + 2).unwrap_or(""), 16);
        let channels = [1, 3, 5].map(channel);
        channels.map(|channel| channel.unwrap_or_else(|_| panic!("{variable} is {text:?}")))
    }

    /// The whole page as a picture, which stays in `target/tmp/pages`.
    pub fn screenshot(&mut self, what: &str) -> Picture {
        let height = self.value("document.documentElement.scrollHeight");
        self.resize(height.as_u64().unwrap());
        self.value("window.scrollTo({ top: 0, behavior: 'instant' })");
        self.settle();
        let answer = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        self.resize(u64::from(self.screen.height));
        let path = folder().join(format!("{}{what}.png", self.name));
        Picture::keep(answer["data"].as_str().unwrap(), &path)
    }

    /// Makes the window so high, and waits until it is.
    fn resize(&mut self, height: u64) {
        self.show_on_screen(height);
        self.value(&format!(
            "new Promise((done) => {{ const look = () => (window.innerHeight === {height} ? done() : setTimeout(look, 10)); look(); }})"
        ));
        self.settle();
    }

    /// What the page complained about: errors in its scripts and messages of the browser; and what
    /// it wanted from elsewhere.
    pub fn complaints(&mut self) -> Vec<String> {
        let url = self.url.clone();
        let events = self.pipe.events.iter();
        events.filter_map(|event| complaint(event, &url)).collect()
    }

    /// How many pixels of the page are to the right of the screen. A phone's window grows with what
    /// is in it: it is no measure.
    pub fn overflow(&mut self) -> f64 {
        let width = "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth, window.innerWidth)";
        self.value(width).as_f64().unwrap() - f64::from(self.screen.width)
    }
}

impl Drop for Page<'_> {
    fn drop(&mut self) {
        let parameters = json!({ "targetId": self.target });
        self.pipe.send("", "Target.closeTarget", &parameters);
    }
}

/// Where pages and pictures stay to be looked at.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pages")
}

fn complaint(event: &Value, url: &str) -> Option<String> {
    let parameters = &event["params"];
    match event["method"].as_str()? {
        "Runtime.exceptionThrown" => Some(parameters["exceptionDetails"].to_string()),
        "Runtime.consoleAPICalled" if parameters["type"] == "error" => {
            Some(parameters["args"].to_string())
        }
        "Log.entryAdded" if parameters["entry"]["level"] == "error" => {
            Some(parameters["entry"].to_string())
        }
        "Network.requestWillBeSent" => {
            let wanted = parameters["request"]["url"].as_str()?;
            (wanted != url && !wanted.starts_with("data:")).then(|| format!("loads {wanted}"))
        }
        _ => None,
    }
}
