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
use tokio::io::AsyncWriteExt;
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

/// What a camera says in EXIF: how it was held (1–8), and where, as a name in its GPS directory.
fn camera(orientation: u8, place: &[u8; 8]) -> Vec<u8> {
    let mut tiff = b"MM\0\x2a\0\0\0\x08".to_vec();
    tiff.extend([0, 2]);
    tiff.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
    tiff.extend([0x88, 0x25, 0, 4, 0, 0, 0, 1, 0, 0, 0, 38]);
    tiff.extend([0, 0, 0, 0]);
    tiff.extend([0, 1, 0, 0x1d, 0, 2, 0, 0, 0, 8, 0, 0, 0, 56, 0, 0, 0, 0]);
    tiff.extend(place);
    tiff
}

/// A JPEG whose camera says how it was held (1–8), and where: a name in its GPS directory.
pub fn photographed(picture: &RgbImage, orientation: u8, place: &[u8; 8]) -> Vec<u8> {
    let (jpeg, tiff) = (encoded(picture, ImageFormat::Jpeg), camera(orientation, place));
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend([0xff, 0xe1]);
    bytes.extend((tiff.len() as u16 + 8).to_be_bytes());
    bytes.extend(b"Exif\0\0");
    bytes.extend(tiff);
    bytes.extend(&jpeg[2..]);
    bytes
}

/// The same as a PNG.
pub fn photographed_png(picture: &RgbImage, orientation: u8, place: &[u8; 8]) -> Vec<u8> {
    let png = encoded(picture, ImageFormat::Png);
    let tiff = camera(orientation, place);
    let chunk = [b"eXIf", tiff.as_slice()].concat();
    [&png[..33], &(tiff.len() as u32).to_be_bytes(), &chunk, &crc(&chunk).to_be_bytes(), &png[33..]].concat()
}

/// The same as a WebP.
pub fn photographed_webp(picture: &RgbImage, orientation: u8, place: &[u8; 8]) -> Vec<u8> {
    let still = encoded(picture, ImageFormat::WebP);
    webp(picture, 0x08, &[&still[12..], &webp_chunk(b"EXIF", &camera(orientation, place))].concat())
}

/// A WebP of these chunks, with a header that has these flags.
fn webp(picture: &RgbImage, flags: u8, chunks: &[u8]) -> Vec<u8> {
    let side = |length: u32| (length - 1).to_le_bytes()[..3].to_vec();
    let header = [vec![flags, 0, 0, 0], side(picture.width()), side(picture.height())].concat();
    let body = [b"WEBP", webp_chunk(b"VP8X", &header).as_slice(), chunks].concat();
    webp_chunk(b"RIFF", &body)
}

fn webp_chunk(name: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let padding = vec![0; payload.len() % 2];
    [name, (payload.len() as u32).to_le_bytes().as_slice(), payload, &padding].concat()
}

/// A WebP that shows two pictures in turn, taken at a place.
pub fn animated_webp(pictures: [&RgbImage; 2], place: &[u8; 8]) -> Vec<u8> {
    let side = |length: u32| (length - 1).to_le_bytes()[..3].to_vec();
    let frame = |picture: &RgbImage| {
        let still = encoded(picture, ImageFormat::WebP);
        let place = [vec![0; 6], side(picture.width()), side(picture.height()), vec![100, 0, 0, 0]].concat();
        webp_chunk(b"ANMF", &[&place, &still[12..]].concat())
    };
    let animation = webp_chunk(b"ANIM", &[0; 6]);
    let place = [webp_chunk(b"EXIF", &camera(1, place)), webp_chunk(b"XMP ", place)].concat();
    webp(pictures[0], 0x02 | 0x0c, &[animation, frame(pictures[0]), frame(pictures[1]), place].concat())
}

/// A GIF that shows two pictures in turn for ever, with a comment.
pub fn animated_gif(pictures: [&RgbImage; 2], comment: &[u8; 8]) -> Vec<u8> {
    use image::codecs::gif::{GifEncoder, Repeat};
    let mut bytes = Vec::new();
    {
        let mut encoder = GifEncoder::new(&mut bytes);
        encoder.set_repeat(Repeat::Infinite).unwrap();
        for picture in pictures {
            encoder.encode_frame(image::Frame::new(image::DynamicImage::from(picture.clone()).into_rgba8())).unwrap();
        }
    }
    assert_eq!(bytes.pop(), Some(0x3b));
    [&bytes, [0x21, 0xfe, 8].as_slice(), comment, &[0, 0x3b]].concat()
}

/// A JPEG of one colour in four inks, of 8 × 8 pixels: plain, or as Adobe's programs write it, inverted.
pub fn cmyk_jpeg(inks: [u8; 4], adobe_transform: Option<u8>) -> Vec<u8> {
    let [cyan, magenta, yellow, black] = inks.map(f32::from);
    let stored = match adobe_transform {
        None => [cyan, magenta, yellow, black],
        Some(0) => [cyan, magenta, yellow, black].map(|ink| 255.0 - ink),
        // YCbCr of the inks, and black inverted.
        Some(_) => [
            0.299 * cyan + 0.587 * magenta + 0.114 * yellow,
            128.0 - 0.168_736 * cyan - 0.331_264 * magenta + 0.5 * yellow,
            128.0 + 0.5 * cyan - 0.418_688 * magenta - 0.081_312 * yellow,
            255.0 - black,
        ],
    };
    let mut bytes = vec![0xff, 0xd8];
    if let Some(transform) = adobe_transform {
        bytes.extend([0xff, 0xee, 0, 14]);
        bytes.extend(b"Adobe\0\x64\0\0\0\0");
        bytes.push(transform);
    }
    // A quantum of 8: the first coefficient of a block is its mean less 128.
    bytes.extend([0xff, 0xdb, 0, 67, 0]);
    bytes.extend([8; 64]);
    bytes.extend([0xff, 0xc0, 0, 20, 8, 0, 8, 0, 8, 4]);
    bytes.extend((1..=4).flat_map(|component| [component, 0x11, 0]));
    // Twelve codes of four bits for the first coefficient; one of one bit, the end of a block, for the others.
    bytes.extend([0xff, 0xc4, 0, 31, 0, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(0..12);
    bytes.extend([0xff, 0xc4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([0xff, 0xda, 0, 14, 4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0]);
    let mut bits = String::new();
    for value in stored {
        let value = value.round() as i32 - 128;
        let length = (32 - value.unsigned_abs().leading_zeros()) as usize;
        let code = if value < 0 { value + (1 << length) - 1 } else { value };
        bits += &format!("{length:04b}");
        if length > 0 {
            bits += &format!("{code:0length$b}");
        }
        bits += "0";
    }
    bits += &"1".repeat((8 - bits.len() % 8) % 8);
    for at in (0..bits.len()).step_by(8) {
        let byte = u8::from_str_radix(&bits[at..at + 8], 2).unwrap();
        bytes.push(byte);
        bytes.extend((byte == 0xff).then_some(0));
    }
    bytes.extend([0xff, 0xd9]);
    bytes
}

/// The checksum of a PNG's chunk.
pub fn crc(chunk: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in chunk {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// A PNG whose header says so, and little behind it.
pub fn enormous_png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = encoded(&four_colour_image(8, 8), ImageFormat::Png);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// A GIF of so many frames of one pixel.
pub fn gif_of_frames(count: usize) -> Vec<u8> {
    let mut bytes = b"GIF89a\x40\0\x40\0\x80\0\0\xff\0\0\0\0\xff".to_vec();
    let frame = [0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0];
    for _ in 0..count {
        bytes.extend(frame);
    }
    bytes.push(0x3b);
    bytes
}

/// Sends a form with a file that never ends, until the server ends it.
pub async fn send_endless(port: u16, path: &str, fields: &[(&str, &str)], file: &str) {
    let part = |name: &str, rest: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{rest}\r\n\r\n");
    let fields: String = fields.iter().map(|(name, value)| part(name, "") + value + "\r\n").collect();
    send_endless_body(port, path, &(fields + &part(file, "; filename=\"a\""))).await;
}

/// Sends a form with the boundary `b` that begins like this and never ends.
pub async fn send_endless_body(port: u16, path: &str, start: &str) {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\
         Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    );
    let chunk = |body: &[u8]| [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n"].concat();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&chunk(start.as_bytes())).await.unwrap();
    let full = chunk(&vec![b'x'; 1 << 20]);
    let mut sent: u64 = 0;
    while sent < 5 << 30 && stream.write_all(&full).await.is_ok() {
        sent += 1 << 20;
    }
    assert!(sent < 1 << 30, "it is ended long before: {sent}");
}
