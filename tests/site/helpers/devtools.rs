//! What only a browser's developer tools can do: other windows, other wishes, input methods, looking closely.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fantoccini::wd::WebDriverCompatibleCommand;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};
use url::{ParseError, Url};

use super::browser::Browser;
use super::eventually;

/// What a window is shown on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    Phone,
    Desk,
}

/// What a reader asked their system for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes {
    pub dark: bool,
    pub no_motion: bool,
    pub forced_colours: bool,
}

/// A key, as the developer tools want it described.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    name: &'static str,
    number: u32,
    text: &'static str,
    modifiers: u32,
    command: Option<&'static str>,
}

pub const TAB: Key = Key { name: "Tab", number: 9, text: "", modifiers: 0, command: None };
pub const SHIFT_TAB: Key = Key { modifiers: 8, ..TAB };
pub const CONTROL_ENTER: Key = Key { modifiers: 2, text: "", ..ENTER };
pub const ENTER: Key = Key { name: "Enter", number: 13, text: "\r", modifiers: 0, command: None };
pub const SPACE: Key = Key { name: "Space", number: 32, text: " ", modifiers: 0, command: None };
pub const UP: Key = Key { name: "ArrowUp", number: 38, text: "", modifiers: 0, command: None };
pub const LEFT: Key = Key { name: "ArrowLeft", number: 37, text: "", modifiers: 0, command: None };
pub const RIGHT: Key = Key { name: "ArrowRight", number: 39, text: "", modifiers: 0, command: None };
pub const DELETE: Key = Key { name: "Delete", number: 46, text: "", modifiers: 0, command: None };
pub const ESCAPE: Key = Key { name: "Escape", number: 27, text: "", modifiers: 0, command: None };
pub const SELECT_ALL: Key = Key { name: "KeyA", number: 65, text: "", modifiers: 2, command: Some("selectAll") };

impl Device {
    pub const ALL: [Self; 2] = [Self::Phone, Self::Desk];

    /// In CSS pixels.
    pub const fn width(self) -> u32 {
        match self {
            Self::Phone => 360,
            Self::Desk => 1280,
        }
    }

    pub const fn height(self) -> u32 {
        match self {
            Self::Phone => 740,
            Self::Desk => 800,
        }
    }

    /// How many pixels of a screenshot lie in one of CSS.
    pub const fn density(self) -> u32 {
        match self {
            Self::Phone => 2,
            Self::Desk => 1,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Desk => "desk",
        }
    }
}

impl Browser {
    /// Runs a command of the DevTools protocol; answers its result.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let command = DevTools { command: command.to_owned(), parameters };
        self.client.issue_cmd(command.clone()).await.unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    /// Runs a script in each page from now on, before those of the page.
    pub async fn on_new_pages(&self, script: &str) {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await;
    }

    /// Runs a script on the page; answers what it returns.
    pub async fn run(&self, script: &str, arguments: Value) -> Value {
        let arguments = arguments.as_array().cloned().unwrap_or_default();
        self.client.execute(script, arguments).await.unwrap_or_else(|error| panic!("{error} of {script}"))
    }

    /// What the body of an async function on the page comes to.
    pub async fn run_async(&self, script: &str) -> Value {
        let script = format!("const done = arguments[0]; (async () => {{ {script} }})().then(done);");
        self.client.execute_async(&script, Vec::new()).await.unwrap_or_else(|error| panic!("{error} of {script}"))
    }

    /// Makes the window a device's.
    pub async fn on(&self, device: Device) {
        self.sized(device, device.width(), device.height()).await;
    }

    /// The same, of another size.
    pub async fn sized(&self, device: Device, width: u32, height: u32) {
        let is_phone = device == Device::Phone;
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": device.density(),
            "mobile": is_phone,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        self.devtools("Emulation.setTouchEmulationEnabled", json!({ "enabled": is_phone })).await;
    }

    /// Has the window ask for what its reader wishes.
    pub async fn wish(&self, Wishes { dark, no_motion, forced_colours }: Wishes) {
        let features = json!([
            { "name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" } },
            { "name": "prefers-reduced-motion", "value": if no_motion { "reduce" } else { "no-preference" } },
            { "name": "forced-colors", "value": if forced_colours { "active" } else { "none" } },
        ]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Asks for pages in a language from now on.
    pub async fn speak(&self, language: &str) {
        let agent = self.run("return navigator.userAgent;", json!([])).await;
        self.devtools("Emulation.setUserAgentOverride", json!({ "userAgent": agent, "acceptLanguage": language }))
            .await;
    }

    /// Takes over a person's session at a site, or is signed out.
    pub async fn be(&self, site: &str, cookie: Option<&HeaderValue>) {
        self.devtools("Network.clearBrowserCookies", json!({})).await;
        if let Some((name, value)) = cookie.and_then(|cookie| cookie.to_str().unwrap().split_once('=')) {
            let cookie = json!({ "name": name, "value": value, "url": site, "httpOnly": true, "sameSite": "Lax" });
            self.devtools("Network.setCookie", cookie).await;
        }
    }

    /// Presses a key where the focus is, and lets it go.
    pub async fn press(&self, key: Key) {
        let name = match key.name {
            "Space" => " ",
            "KeyA" => "a",
            name => name,
        };
        let mut event = json!({
            "type": if key.text.is_empty() { "rawKeyDown" } else { "keyDown" }, "key": name, "code": key.name,
            "windowsVirtualKeyCode": key.number, "modifiers": key.modifiers, "text": key.text,
            "commands": key.command.as_slice(),
        });
        self.devtools("Input.dispatchKeyEvent", event.clone()).await;
        event["type"] = "keyUp".into();
        event["text"] = "".into();
        event["commands"] = json!([]);
        self.devtools("Input.dispatchKeyEvent", event).await;
    }

    /// Moves the pointer onto an element.
    pub async fn hover(&self, css: &str) {
        let [x, y] = self.middle(css).await;
        self.devtools("Input.dispatchMouseEvent", json!({ "type": "mouseMoved", "x": x, "y": y })).await;
    }

    /// Taps an element with a finger.
    pub async fn tap(&self, css: &str) {
        let [x, y] = self.middle(css).await;
        let touch = |kind: &str, points: Value| json!({ "type": kind, "touchPoints": points });
        self.devtools("Input.dispatchTouchEvent", touch("touchStart", json!([{ "x": x, "y": y }]))).await;
        self.devtools("Input.dispatchTouchEvent", touch("touchEnd", json!([]))).await;
    }

    async fn middle(&self, css: &str) -> [f64; 2] {
        self.find(css).await;
        let middle = "const element = document.querySelector(arguments[0]);
             element.scrollIntoView({ block: 'nearest' });
             const { left, right, top, bottom } = element.getBoundingClientRect();
             return [(left + right) / 2, (top + bottom) / 2];";
        let middle = self.run(middle, json!([css])).await;
        [middle[0].as_f64().unwrap(), middle[1].as_f64().unwrap()]
    }

    /// Types where the focus is, key by key.
    pub async fn type_keys(&self, text: &str) {
        for letter in text.chars() {
            let event = |kind: &str| json!({ "type": kind, "key": letter.to_string(), "text": letter.to_string() });
            self.devtools("Input.dispatchKeyEvent", event("keyDown")).await;
            self.devtools("Input.dispatchKeyEvent", event("keyUp")).await;
        }
    }

    /// Composes text with an input method, which holds it until it is committed.
    pub async fn compose(&self, text: &str) {
        let end = text.encode_utf16().count();
        self.devtools("Input.imeSetComposition", json!({ "text": text, "selectionStart": end, "selectionEnd": end }))
            .await;
    }

    /// Commits text by the input method, instead of what is composed.
    pub async fn commit(&self, text: &str) {
        self.devtools("Input.insertText", json!({ "text": text })).await;
    }

    /// Presses Enter as a key that the input method takes for itself.
    pub async fn press_enter_for_the_input_method(&self) {
        let event = |kind: &str| json!({ "type": kind, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229 });
        self.devtools("Input.dispatchKeyEvent", event("rawKeyDown")).await;
        self.devtools("Input.dispatchKeyEvent", event("keyUp")).await;
    }

    /// Writes a picture of the whole page, as wide as the device is.
    pub async fn picture(&self, device: Device, file: &Path) {
        let height = self.run("return document.scrollingElement.scrollHeight;", json!([])).await;
        let clip = json!({ "x": 0, "y": 0, "width": device.width(), "height": height, "scale": 1 });
        let answer = self
            .devtools("Page.captureScreenshot", json!({ "format": "png", "captureBeyondViewport": true, "clip": clip }))
            .await;
        std::fs::write(file, STANDARD.decode(answer["data"].as_str().unwrap()).unwrap()).unwrap();
    }

    /// What axe finds wrong on the page: by WCAG 2.2 to level AA, and by good practice. A text for each rule.
    pub async fn axe(&self) -> Vec<String> {
        const AXE: &str = include_str!("../../vendor/axe-core/axe.min.js");
        if self.run("return !window.axe;", json!([])).await == true {
            self.run(AXE, json!([])).await;
        }
        self.run(
            "window.found = null;
             axe.run(document, {
               runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
               resultTypes: ['violations'], iframes: false, preload: false,
             }).then(({ violations }) => violations.map(({ id, help, nodes }) => {
               const shown = nodes.slice(0, 3).map(({ target, html, failureSummary }) =>
                 `\\n    ${target.join(' ')} ${html.slice(0, 160)} — ${failureSummary.replace(/\\s+/g, ' ')}`);
               return `[${id}] ${help}: ${nodes.length} times, as${shown.join('')}`;
             })).then((lines) => (window.found = lines), (error) => (window.found = [String(error)]));",
            json!([]),
        )
        .await;
        let found = eventually("axe to have looked", || async {
            self.run("return window.found;", json!([])).await.as_array().cloned()
        })
        .await;
        found.iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    }
}

/// A command of the DevTools protocol, on its way through the driver.
#[derive(Clone, Debug)]
struct DevTools {
    command: String,
    parameters: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "cmd": self.command, "params": self.parameters }).to_string()))
    }
}
