//! A real browser: Debian's Chromium, by its driver.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use fantoccini::elements::Element;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use url::{ParseError, Url};

use super::devtools::Device;
use super::person::PASSWORD;
use super::site::{Site, folder};
use super::{eventually, within_timeout};

/// Chromium's own command to forget all that its cache of answers has.
#[derive(Debug)]
struct ClearCache;

impl WebDriverCompatibleCommand for ClearCache {
    fn endpoint(&self, driver: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        driver.join(&format!("/session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "cmd": "Network.clearBrowserCache", "params": {} }).to_string()))
    }
}

/// Starts chromedriver on a free port. It ends at once if the port that it got for IPv6 is taken for IPv4.
async fn start_driver() -> Option<(Child, String)> {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .expect("chromedriver is installed by bin/test");
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = loop {
        let line = lines.next_line().await.unwrap()?;
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            break port.trim_end_matches('.').to_owned();
        }
    };
    // Its later words must not fill the pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Some((driver, port))
}

/// A browser window with a profile of its own.
pub struct Browser {
    pub client: Client,
    profile: PathBuf,
    driver: Child,
}

impl Browser {
    /// A new window; `script` may be switched off.
    pub async fn open(script: bool) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let profile = folder(&format!("profile-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
        let (driver, port) = within_timeout("chromedriver to start", async {
            loop {
                if let Some(started) = start_driver().await {
                    return started;
                }
            }
        })
        .await;
        let profile_argument = format!("--user-data-dir={}", profile.display());
        let capabilities = json!({
            // A page with an endless frame is never loaded to its end.
            "pageLoadStrategy": if script { "normal" } else { "none" },
            "goog:chromeOptions": {
                "args": [
                    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
                    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--lang=en",
                    "--window-size=1000,800", profile_argument,
                ],
                "prefs": {
                    "profile.managed_default_content_settings.javascript": if script { 1 } else { 2 },
                    "intl.accept_languages": "en",
                },
            },
        });
        let capabilities = capabilities.as_object().unwrap().clone();
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        Self { client, profile, driver }
    }

    pub async fn goto(&self, address: &str) {
        within_timeout("a page", self.client.goto(address)).await.unwrap();
    }

    /// The element, as soon as it is there.
    pub async fn find(&self, css: &str) -> Element {
        within_timeout(css, async {
            loop {
                if let Ok(element) = self.client.find(Locator::Css(css)).await {
                    return element;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        })
        .await
    }

    pub async fn type_into(&self, css: &str, text: &str) {
        self.find(css).await.send_keys(text).await.unwrap();
    }

    pub async fn click(&self, css: &str) {
        eventually(&format!("{css} to be clicked"), || async {
            match self.find(css).await.click().await {
                // The page has put another one there meanwhile.
                Err(error) if error.is_stale_element_reference() => None,
                clicked => {
                    clicked.unwrap();
                    Some(())
                }
            }
        })
        .await;
    }

    /// How many elements there are.
    pub async fn count(&self, css: &str) -> usize {
        self.client.find_all(Locator::Css(css)).await.map_or(0, |all| all.len())
    }

    /// The texts of all chats on the page.
    pub async fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        for element in self.client.find_all(Locator::Css("#feed .chat .text")).await.unwrap_or_default() {
            if let Ok(text) = element.text().await {
                texts.push(text);
            }
        }
        texts
    }

    /// The texts of all chats in the page's frame, which shows them where script is off.
    pub async fn texts_in_frame(&self) -> Vec<String> {
        let mut texts = Vec::new();
        if self.client.enter_frame(0).await.is_ok() {
            for element in self.client.find_all(Locator::Css(".chat:not(.removed) .text")).await.unwrap_or_default() {
                texts.extend(element.text().await);
            }
        }
        let _ = self.client.enter_parent_frame().await;
        texts
    }

    /// What an element in the page's frame shows, if it is there.
    pub async fn text_in_frame(&self, css: &str) -> Option<String> {
        let mut text = None;
        if self.client.enter_frame(0).await.is_ok()
            && let Ok(element) = self.client.find(Locator::Css(css)).await
        {
            text = element.text().await.ok();
        }
        let _ = self.client.enter_parent_frame().await;
        text
    }

    /// Waits until the page's frame shows these chats and no others.
    pub async fn sees_in_frame(&self, expected: &[&str]) {
        let what = format!("the frame to show {expected:?}");
        eventually(&what, || async { (self.texts_in_frame().await == expected).then_some(()) }).await;
    }

    /// Waits until the page shows these chats and no others.
    pub async fn sees(&self, expected: &[&str]) {
        eventually(&format!("the page to show {expected:?}"), || async {
            (self.texts().await == expected).then_some(())
        })
        .await;
    }

    /// Signs up by the form, and comes to the rooms.
    pub async fn sign_up(&self, site: &str, name: &str) {
        self.goto(&format!("{site}/user")).await;
        self.type_into("#sign-up [name=userId]", name).await;
        self.type_into("#sign-up [name=userNickname]", name).await;
        self.type_into("#sign-up [name=userPassword]", PASSWORD).await;
        self.click("#sign-up button").await;
        self.find("#new-room").await;
    }

    /// A browser of somebody new, on a device, in a room of the same name; and the room's address.
    pub async fn in_a_room(site: &Site, device: Device, name: &str) -> (Self, String) {
        let browser = Self::open(true).await;
        browser.on(device).await;
        browser.sign_up(&site.address, name).await;
        let room = browser.make_room(name).await;
        browser.find("#connection[data-state=connected]").await;
        (browser, room)
    }

    /// Makes a room by the form, and comes into it; answers its address.
    pub async fn make_room(&self, name: &str) -> String {
        self.type_into("#new-room [name=name]", name).await;
        self.click("#new-room button").await;
        self.find("#feed").await;
        self.client.current_url().await.unwrap().to_string()
    }

    /// Says something by the composer's button.
    pub async fn say(&self, text: &str) {
        self.type_into("#composer textarea", text).await;
        self.click("#composer button").await;
    }

    /// Has it forget the answers that it was told to keep.
    pub async fn clear_cache(&self) {
        self.client.issue_cmd(ClearCache).await.unwrap();
    }

    pub async fn close(self) {
        let _ = self.client.clone().close().await;
    }
}

impl Drop for Browser {
    /// Ends the driver and the browser below it, also of a test that failed.
    fn drop(&mut self) {
        if let Some(driver) = self.driver.id() {
            let _ = std::process::Command::new("kill").args(["-s", "KILL", "--", &format!("-{driver}")]).status();
        }
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}
