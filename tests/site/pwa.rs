//! The site as an app: what a device needs to install it, and what is shown where the site cannot be reached.

use image::ImageFormat;
use reqwest::Response;
use serde_json::Value;

use crate::helpers::browser::Browser;
use crate::helpers::page::{attribute_of, text_of};
use crate::helpers::person::{Answer, Person};
use crate::helpers::site::Site;
use crate::helpers::{eventually, within_timeout};

async fn ask(person: &Person, path: &str) -> Response {
    let answer = within_timeout("an answer", person.request("GET", path).send()).await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    answer
}

fn kind(answer: &Response) -> &str {
    answer.headers()["content-type"].to_str().unwrap()
}

async fn picture(person: &Person, path: &str) -> image::DynamicImage {
    let answer = ask(person, path).await;
    assert_eq!(kind(&answer), "image/png");
    let bytes = answer.bytes().await.unwrap();
    assert!(bytes.len() < 6_000, "{path}: {}", bytes.len());
    image::load_from_memory_with_format(&bytes, ImageFormat::Png).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manifest_speaks_the_readers_language() {
    let site = Site::start().await;
    let person = site.visitor();
    for (language, name) in [("en", "Sarangbang"), ("ko", "사랑방")] {
        let request = person.request("GET", "/manifest.webmanifest").header("Accept-Language", language);
        let answer = within_timeout("the manifest", request.send()).await.unwrap();
        assert_eq!((answer.status().as_u16(), kind(&answer)), (200, "application/manifest+json"));
        let manifest: Value = answer.json().await.unwrap();
        assert_eq!((&manifest["name"], &manifest["short_name"]), (&name.into(), &name.into()));
        let said = |key: &str| manifest[key].as_str().unwrap().to_owned();
        assert_eq!(
            [said("lang"), said("start_url"), said("scope"), said("display")],
            [language, "/room", "/", "standalone"]
        );
        assert_eq!([said("theme_color"), said("background_color")], ["#fbf8f1", "#fbf8f1"]);
    }
    let person = site.person("gildong").await;
    person.post("/user/me", &[("_method", "put"), ("locale", "ko")]).await;
    let elsewhere = site.visitor();
    elsewhere.sign_in("gildong", crate::helpers::person::PASSWORD).await;
    for person in [person, elsewhere] {
        assert_eq!(person.get("/manifest.webmanifest").await.json()["lang"], "ko", "the language of the account");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_colours_of_the_app_are_those_of_the_paper() {
    let site = Site::start().await;
    let visitor = site.visitor();
    let door = visitor.get("/user").await.body;
    let sheet = attribute_of(&door, "link[rel=stylesheet][href$='/bundle-site.css']", "href").unwrap();
    let tokens = visitor.get(&sheet).await.body;
    let papers = tokens.split("--paper-0: light-dark(").nth(1).unwrap().split(')').next().unwrap();
    let papers: Vec<&str> = papers.split(", ").collect();
    let manifest = visitor.get("/manifest.webmanifest").await.json();
    assert_eq!(manifest["theme_color"], papers[0]);
    let theme = |scheme| attribute_of(&door, &format!("meta[name=theme-color][media*={scheme}]"), "content").unwrap();
    assert_eq!([theme("light"), theme("dark")], papers[..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_icons_are_there_and_as_large_as_they_say() {
    let site = Site::start().await;
    let visitor = site.visitor();
    let door = visitor.get("/user").await.body;
    let manifest = attribute_of(&door, "link[rel=manifest]", "href").unwrap();
    let manifest = visitor.get(&manifest).await.json();
    let mut seen = Vec::new();
    for icon in manifest["icons"].as_array().unwrap() {
        let said = |key: &str| icon[key].as_str().unwrap();
        seen.push(format!("{} {}", said("sizes"), said("purpose")));
        if said("type") == "image/svg+xml" {
            assert_eq!(kind(&ask(&visitor, said("src")).await), "image/svg+xml");
            continue;
        }
        let picture = picture(&visitor, said("src")).await;
        assert_eq!(format!("{0}x{0}", picture.width()), said("sizes"));
        let corner = picture.to_rgba8().get_pixel(0, 0).0;
        // What is cut to any shape has paper up to its corners.
        assert_eq!(corner, if said("purpose") == "maskable" { [251, 248, 241, 255] } else { [0; 4] });
    }
    assert_eq!(seen, ["any any", "192x192 any", "512x512 any", "512x512 maskable"]);
    let apple = attribute_of(&door, "link[rel=apple-touch-icon]", "href").unwrap();
    assert_eq!(picture(&visitor, &apple).await.width(), 180);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_offline_page_is_for_all_and_about_nobody() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    for (language, again) in [("en", "Try again"), ("ko", "다시 시도")] {
        let ask = |person: &Person| Answer::read(person.request("GET", "/offline").header("Accept-Language", language));
        let (page, of_nobody) = (ask(&person).await, ask(&site.visitor()).await);
        assert_eq!((page.status, &page.body), (200, &of_nobody.body), "the same whoever is signed in");
        assert_eq!(attribute_of(&page.body, "html", "lang").as_deref(), Some(language));
        assert_eq!(attribute_of(&page.body, "#offline a", "href").as_deref(), Some(""));
        assert_eq!(text_of(&page.body, "#offline a").as_deref(), Some(again));
        assert!(attribute_of(&page.body, "footer.site a", "href").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_is_at_the_root_and_looked_at_anew() {
    let site = Site::start().await;
    let answer = ask(&site.visitor(), "/worker.js?version=any").await;
    assert_eq!(kind(&answer), "text/javascript; charset=utf-8");
    assert_eq!(answer.headers()["cache-control"], "no-cache");
    assert!(answer.headers()["content-security-policy"].to_str().unwrap().contains("worker-src 'self'"));
}

/// The names of all that the browser keeps for the site.
async fn kept(browser: &Browser) -> Vec<String> {
    let names = browser.client.execute("return caches.keys();", vec![]).await.unwrap_or_default();
    serde_json::from_value(names).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_site_cannot_be_reached_a_page_says_so_in_the_readers_language() {
    let site = Site::start().await;
    let browser = Browser::open(true).await;
    browser.goto(&format!("{}/health", site.address)).await;
    browser.client.execute("return caches.open('offline?version=old&lang=en').then(() => 1);", vec![]).await.unwrap();
    browser.goto(&format!("{}/user", site.address)).await;
    eventually("the page to be kept", || async {
        matches!(&kept(&browser).await[..], [name] if name.ends_with("&lang=en") && !name.contains("=old&"))
            .then_some(())
    })
    .await;
    browser.click("footer.site a[lang=ko]").await;
    browser.find("html[lang=ko]").await;
    eventually("the page to be kept in another language", || async {
        matches!(&kept(&browser).await[..], [name] if name.ends_with("&lang=ko")).then_some(())
    })
    .await;
    let sheets = "const page = await (await fetch('/offline')).text();
         const links = new DOMParser().parseFromString(page, 'text/html').querySelectorAll('link[rel=stylesheet]');
         const find = (link) => caches.match(link.getAttribute('href'), { ignoreVary: true });
         return (await Promise.all([...links].map(find))).map(Boolean);";
    let sheets = browser.run_async(sheets).await;
    assert!(
        sheets.as_array().unwrap().len() > 3 && sheets.as_array().unwrap().iter().all(|kept| kept == true),
        "{sheets}"
    );
    eventually("the worker to answer for the page", || async {
        let controls = browser.client.execute("return navigator.serviceWorker.controller?.scriptURL;", vec![]).await;
        controls.ok()?.as_str()?.ends_with("&lang=ko").then_some(())
    })
    .await;

    let (database, port) = (site.database.clone(), site.address.rsplit(':').next().unwrap().parse::<u16>().unwrap());
    let rooms = format!("{}/room", site.address);
    site.stop().await;
    browser.clear_cache().await;
    browser.goto(&rooms).await;
    let title = browser.find("html[lang=ko] #offline h1").await.text().await.unwrap();
    assert_eq!(title, "사이트에 연결할 수 없어요");
    assert_eq!(browser.client.current_url().await.unwrap().as_str(), rooms);
    let ground = "return getComputedStyle(document.body).backgroundColor;";
    assert_eq!(browser.client.execute(ground, vec![]).await.unwrap(), "rgb(251, 248, 241)", "it is styled");
    let script = "return fetch('/room').then(() => 'answered', () => 'failed');";
    assert_eq!(browser.client.execute(script, vec![]).await.unwrap(), "failed", "only pages are answered for");

    let back = within_timeout("the port to be free", Site::with(&database, ("port", port))).await;
    browser.click("#offline a").await;
    browser.find("html[lang=ko] #sign-in").await;
    browser.close().await;
    drop(back);
}
