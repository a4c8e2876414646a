//! An image server beside a site, and pictures made by the test.

use std::path::{Path, PathBuf};

use image::{ImageFormat, Rgb, RgbImage};
use reqwest::multipart::{Form, Part};
use rocket::figment::Figment;
use rocket::figment::providers::Serialized;
use rocket::{Ignite, Rocket, Shutdown};
use sarangbang::config::{Settings, defaults};
use sarangbang::images;
use sarangbang::ticket::Secret;
use tokio::task::JoinHandle;

use super::page::attribute_of;
use super::person::{Answer, Person};
use super::site::{Site, secret};
use super::{eventually, within_timeout};

/// A running image server.
pub struct Images {
    /// As `http://127.0.0.1:40000`.
    pub address: String,
    shutdown: Shutdown,
    running: JoinHandle<Result<Rocket<Ignite>, rocket::Error>>,
}

impl Images {
    /// Starts one on a folder and a port, for a site.
    pub async fn start(site: &str, port: u16, folder: &Path) -> Self {
        Self::start_with(secret(), site, port, folder).await
    }

    /// The same with another secret.
    pub async fn start_with(secret: Secret, site: &str, port: u16, folder: &Path) -> Self {
        Self::configured(Figment::new(), secret, site, port, folder).await
    }

    /// The same with more settings.
    pub async fn configured(settings: Figment, secret: Secret, site: &str, port: u16, folder: &Path) -> Self {
        let figment = defaults()
            .merge(Serialized::default("shutdown.ctrlc", false))
            .merge(Serialized::default("shutdown.signals", Vec::<String>::new()))
            .merge(Serialized::default("site.url", site))
            .merge(Serialized::default("site.internal_url", site))
            .merge(Serialized::default("images.port", port))
            .merge(Serialized::default("images.dir", folder))
            .merge(settings);
        let server = images::build(Settings::from(figment).unwrap(), secret).unwrap().ignite().await.unwrap();
        let shutdown = server.shutdown();
        let running = tokio::spawn(server.launch());
        let address = format!("http://127.0.0.1:{port}");
        eventually("the image server to answer", || async {
            reqwest::get(format!("{address}/health")).await.ok().filter(|answer| answer.status() == 200)
        })
        .await;
        Self { address, shutdown, running }
    }

    pub async fn stop(self) {
        self.shutdown.notify();
        within_timeout("the image server to stop", self.running).await.unwrap().unwrap();
    }
}

/// A site with its image server.
pub async fn site_with_images(name: &str) -> (Site, Images, PathBuf) {
    site_with_images_and(name, Figment::new()).await
}

/// The same with more settings.
pub async fn site_with_images_and(name: &str, settings: Figment) -> (Site, Images, PathBuf) {
    let (port, folder) = (free_port(), super::site::folder(name));
    let site = Site::configured(settings.clone().merge(Serialized::default("images.port", port))).await;
    let images = Images::configured(settings, secret(), &site.address, port, &folder).await;
    (site, images, folder)
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Person {
    /// Sends a picture as the account page's form does.
    pub async fn send_picture(&self, bytes: Vec<u8>) -> Answer {
        let (address, ticket) = self.picture_form().await.expect("there is a form");
        self.send_picture_to(&address, &ticket, bytes, "text/html").await
    }

    /// Where the account page's form sends pictures, and its ticket.
    pub async fn picture_form(&self) -> Option<(String, String)> {
        let page = self.get("/user/me").await.body;
        let ticket = attribute_of(&page, "#picture input:first-child[name=ticket]", "value")?;
        Some((attribute_of(&page, "#picture[enctype='multipart/form-data']", "action")?, ticket))
    }

    pub async fn send_picture_to(&self, address: &str, ticket: &str, bytes: Vec<u8>, accept: &str) -> Answer {
        let part = Part::bytes(bytes).file_name("picture.png").mime_str("image/png").unwrap();
        let form = Form::new().text("ticket", ticket.to_owned()).part("picture", part);
        let request =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        Answer::read(request.post(address).header("Accept", accept).multipart(form)).await
    }

    /// One's own picture, as a browser gets it: the bytes of the stored one, none of a drawn one.
    pub async fn own_picture(&self, query: &str) -> Option<Vec<u8>> {
        let me = self.get_json("/user/me").await.json()["id"].as_str().unwrap().to_owned();
        let answer = self.get(&format!("/user/{me}/image{query}")).await;
        let picture = reqwest::get(answer.location?).await.unwrap();
        assert_eq!(
            (picture.status().as_u16(), &picture.headers()["content-type"]),
            (200, &"image/jpeg".parse().unwrap())
        );
        Some(picture.bytes().await.unwrap().to_vec())
    }
}

/// A picture of four colours: red, green above; blue, white below.
pub fn four_colour_image(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| match (x < width / 2, y < height / 2) {
        (true, true) => Rgb([255, 0, 0]),
        (false, true) => Rgb([0, 255, 0]),
        (true, false) => Rgb([0, 0, 255]),
        (false, false) => Rgb([255, 255, 255]),
    })
}

/// The letters of a picture's corners: top left, top right, bottom left, bottom right.
pub fn corners(bytes: &[u8]) -> String {
    let picture = image::load_from_memory(bytes).unwrap().to_rgb8();
    let (right, bottom) = (picture.width() - 8, picture.height() - 8);
    let letter = |(x, y)| match picture.get_pixel(x, y).0.map(|channel| channel > 127) {
        [true, false, false] => 'r',
        [false, true, false] => 'g',
        [false, false, true] => 'b',
        [true, true, true] => 'w',
        other => panic!("{other:?}"),
    };
    [(8, 8), (right, 8), (8, bottom), (right, bottom)].map(letter).iter().collect()
}

/// A picture in a format.
pub fn encoded(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A JPEG with another one within, as cameras put a preview there.
pub fn with_preview(photo: &[u8], preview: &[u8]) -> Vec<u8> {
    let mut bytes = photo[..2].to_vec();
    bytes.extend([0xff, 0xe2]);
    bytes.extend((preview.len() as u16 + 2).to_be_bytes());
    bytes.extend(preview);
    bytes.extend(&photo[2..]);
    bytes
}

/// A JPEG whose camera says how it was held (1–8), and where: a name in its GPS directory.
pub fn photographed(picture: &RgbImage, orientation: u8, place: &[u8; 8]) -> Vec<u8> {
    let jpeg = encoded(picture, ImageFormat::Jpeg);
    let mut tiff = b"MM\0\x2a\0\0\0\x08".to_vec();
    tiff.extend([0, 2]);
    tiff.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
    tiff.extend([0x88, 0x25, 0, 4, 0, 0, 0, 1, 0, 0, 0, 38]);
    tiff.extend([0, 0, 0, 0]);
    tiff.extend([0, 1, 0, 0x1d, 0, 2, 0, 0, 0, 8, 0, 0, 0, 56, 0, 0, 0, 0]);
    tiff.extend(place);
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend([0xff, 0xe1]);
    bytes.extend((tiff.len() as u16 + 8).to_be_bytes());
    bytes.extend(b"Exif\0\0");
    bytes.extend(tiff);
    bytes.extend(&jpeg[2..]);
    bytes
}
