//! The site as an installable app.

use serde::Serialize;

use super::{Locale, assets};

/// `--paper-0` of the light tokens in `public/css/tokens.css`.
const PAPER: &str = "#fbf8f1";

#[derive(Serialize)]
pub struct WebManifest {
    name: String,
    short_name: String,
    description: String,
    lang: &'static str,
    start_url: &'static str,
    scope: &'static str,
    display: &'static str,
    theme_color: &'static str,
    background_color: &'static str,
    icons: Vec<Icon>,
}

#[derive(Serialize)]
struct Icon {
    src: String,
    sizes: &'static str,
    #[serde(rename = "type")]
    content_type: &'static str,
    purpose: &'static str,
}

/// The page that the service worker shows while the site cannot be reached.
#[derive(Serialize)]
pub struct OfflinePage {}

impl WebManifest {
    /// Creates the manifest in a language; `start` is the path that the app opens.
    pub fn new(locale: Locale, start: &'static str) -> Self {
        Self {
            name: locale.text("site-name"),
            short_name: locale.text("site-name"),
            description: locale.text("site-motto"),
            lang: locale.tag(),
            start_url: start,
            scope: "/",
            display: "standalone",
            theme_color: PAPER,
            background_color: PAPER,
            icons: vec![
                Icon::new("icon.svg", "any", "image/svg+xml", "any"),
                Icon::new("icon-192.png", "192x192", "image/png", "any"),
                Icon::new("icon-512.png", "512x512", "image/png", "any"),
                Icon::new("icon-maskable.png", "512x512", "image/png", "maskable"),
            ],
        }
    }
}

impl Icon {
    fn new(file: &str, sizes: &'static str, content_type: &'static str, purpose: &'static str) -> Self {
        Self { src: format!("{}/{file}", assets::base_path()), sizes, content_type, purpose }
    }
}
