//! Names a device after its `User-Agent`.
//!
//! A table of its own: `woothee` has had no release since 2021 and knows neither KakaoTalk nor Whale, and
//! `uaparser` compiles hundreds of patterns for the version numbers that nobody reads here.

use serde::Serialize;

const MAX_PRODUCT: usize = 40;

/// Products and names. A browser that names others for compatibility comes before them.
const BROWSERS: [(&str, &str); 20] = [
    ("KAKAOTALK", "KakaoTalk"),
    ("NAVER(inapp", "NAVER"),
    ("Line/", "LINE"),
    ("Whale/", "Whale"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("EdgiOS/", "Edge"),
    ("EdgA/", "Edge"),
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("OPT/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// Words, names, and whether a system runs on phones and tablets.
const SYSTEMS: [(&str, &str, bool); 8] = [
    ("iPhone", "iPhone", true),
    ("iPad", "iPad", true),
    ("Android", "Android", true),
    ("Windows", "Windows", false),
    ("Macintosh", "macOS", false),
    ("CrOS", "ChromeOS", false),
    ("FreeBSD", "FreeBSD", false),
    ("Linux", "Linux", false),
];

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct DeviceName {
    /// The name of the browser, else of the first product. May be empty.
    browser: String,
    system: &'static str,
    is_phone: bool,
}

impl DeviceName {
    pub(super) fn parse(user_agent: &str) -> Self {
        let Some((_, browser)) = BROWSERS.iter().find(|(product, _)| user_agent.contains(product)) else {
            let product = user_agent.split(['/', ' ', '(', ';']).next().unwrap_or_default();
            return Self { browser: product.chars().take(MAX_PRODUCT).collect(), system: "", is_phone: false };
        };
        let system = SYSTEMS.iter().find(|(word, ..)| user_agent.contains(word));
        let (_, system, is_phone) = system.copied().unwrap_or_default();
        Self { browser: (*browser).to_owned(), system, is_phone }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_named_after_its_browser_and_its_system() {
        let webkit = "AppleWebKit/605.1.15 (KHTML, like Gecko)";
        let chrome = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0";
        for (user_agent, browser, system) in [
            (format!("Mozilla/5.0 (X11; Linux x86_64) {chrome} Safari/537.36"), "Chrome", "Linux"),
            (
                format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {chrome} Safari/537.36 Edg/141.0.0.0"),
                "Edge",
                "Windows",
            ),
            (format!("Mozilla/5.0 (Windows NT 10.0) {chrome} Whale/4.34.340.19 Safari/537.36"), "Whale", "Windows"),
            (format!("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {chrome} Safari/537.36"), "Chrome", "ChromeOS"),
            (
                format!("Mozilla/5.0 (Linux; Android 10; K) {chrome} Mobile Safari/537.36 SamsungBrowser/28.0"),
                "Samsung Internet",
                "Android",
            ),
            (
                format!("Mozilla/5.0 (Linux; Android 15; SM-S928N) {chrome} Mobile Safari/537.36;KAKAOTALK 2610970"),
                "KakaoTalk",
                "Android",
            ),
            (
                format!("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {webkit} Version/18.6 Safari/605.1.15"),
                "Safari",
                "macOS",
            ),
            (
                format!(
                    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) {webkit} CriOS/141.0 Mobile/15E148 Safari/604.1"
                ),
                "Chrome",
                "iPhone",
            ),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0".into(), "Firefox", "Linux"),
            ("curl/8.5.0".into(), "curl", ""),
            ("weather-bot (Linux)".into(), "weather-bot", ""),
            (String::new(), "", ""),
            ("가".repeat(200), &"가".repeat(MAX_PRODUCT), ""),
        ] {
            let is_phone = matches!(system, "iPhone" | "Android");
            let expected = DeviceName { browser: browser.into(), system, is_phone };
            assert_eq!(DeviceName::parse(&user_agent), expected, "{user_agent}");
        }
    }
}
