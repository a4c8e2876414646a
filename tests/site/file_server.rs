//! The file server's half of files in chats: it receives, makes pictures smaller, stores, serves and sweeps.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use image::{ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use reqwest::header::{HeaderMap, IF_RANGE, RANGE};
use rocket::figment::Figment;
use rocket::figment::providers::Serialized;
use serde_json::{Value, json};

use crate::helpers::eventually;
use crate::helpers::files::{AttachForm, NO_FILES};
use crate::helpers::images::{
    Images, animated_gif, animated_webp, cmyk_jpeg, corners, encoded, enormous_png, four_colour_image, free_port,
    gif_of_frames, photographed, photographed_png, photographed_webp, send_endless, send_endless_body,
    site_with_images, site_with_images_and,
};
use crate::helpers::page::{attribute_of, text_of};
use crate::helpers::person::Answer;
use crate::helpers::process::command;
use crate::helpers::site::{Site, folder, secret};

const JSON: &str = "application/json";
const PLACE: &[u8; 8] = b"DOKDO-01";

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// All stored files, by name.
fn stored(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())).collect()
}

/// A stored file that a receipt describes: its bytes, and those of its small version.
fn renditions(folder: &Path, answer: &Answer) -> (Value, Vec<u8>, Vec<u8>) {
    assert_eq!(answer.status, 201, "{}", answer.body);
    let file = answer.json()["file"].clone();
    let path = folder.join(file["path"].as_str().unwrap());
    let small = fs::read(format!("{}-small", path.display())).unwrap();
    let large = fs::read(path).unwrap();
    assert_eq!(file["bytes"], json!(large.len() + small.len()));
    (file, large, small)
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

async fn fetched(url: &str) -> (u16, HeaderMap, Vec<u8>) {
    let answer = reqwest::get(url).await.unwrap();
    (answer.status().as_u16(), answer.headers().clone(), answer.bytes().await.unwrap().to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_sends_files_and_text_as_one_chat() {
    let (site, images, kept) = site_with_images("files-sent").await;
    let [author, outsider] = [site.person("author").await, site.person("outsider").await];
    let room = author.post("/room", &[("name", "album"), ("kind", "closed")]).await.location.unwrap();
    let form = author.attach_form(&room).await;
    let photo = photographed(&four_colour_image(2_400, 1_200), 6, PLACE);
    let decomposed = "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}.hwp";
    let files = [("photo.jpg", photo), (decomposed, b"a text".to_vec()), ("", Vec::new())];
    let fields = [("text", "look <here>"), ("alt", "a\nboat")];
    let sent = form.send("text/html", &fields, &files).await;
    let location = sent.location.unwrap_or_else(|| panic!("{}: {}", sent.status, sent.body));
    let (page, fragment) = location.split_once('#').unwrap();
    assert_eq!((sent.status, page), (303, format!("{}{room}", site.address).as_str()));
    let seq = fragment.strip_prefix("chat-").unwrap();
    let again = form.send("text/html", &fields, &files).await;
    assert_eq!(again.location.as_deref(), Some(location.as_str()), "the same nonce is the same chat");

    let chat = author.get_json(&format!("{room}/chat/{seq}")).await.json();
    assert_eq!(chat["text"], "look <here>");
    let [picture, document] = [&chat["files"][0], &chat["files"][1]];
    assert_eq!(
        (&picture["kind"], &picture["type"], &picture["alt"]),
        (&json!("picture"), &json!("image/jpeg"), &json!("a boat"))
    );
    assert_eq!((&picture["width"], &picture["height"]), (&json!(800), &json!(1_600)), "it is turned upright");
    assert_eq!((&document["kind"], &document["name"]), (&json!("file"), &json!("한글.hwp")));
    let files = stored(&kept);
    assert_eq!(files.len(), 3, "two sizes of a picture, and a document");
    assert!(files.iter().all(|(_, bytes)| !contains(bytes, PLACE) && !contains(bytes, b"Exif")));

    // Members are sent on to the file, nobody else.
    let url = picture["url"].as_str().unwrap().to_owned();
    let location = author.get(&url).await.location.unwrap();
    let (status, headers, large) = fetched(&location).await;
    assert_eq!((status, headers["content-type"].to_str().unwrap()), (200, "image/jpeg"));
    assert_eq!(headers["cache-control"], "private, max-age=3600, immutable");
    assert!(headers["content-security-policy"].to_str().unwrap().starts_with("sandbox"));
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert!(headers["content-disposition"].to_str().unwrap().starts_with("inline"));
    assert_eq!(corners(&large), "brwg");
    let small_location = author.get(&format!("{url}?small")).await.location.unwrap();
    let small = image::load_from_memory(&fetched(&small_location).await.2).unwrap();
    assert_eq!((small.width(), small.height()), (160, 320));
    let document = author.get(document["url"].as_str().unwrap()).await.location.unwrap();
    let (_, headers, text) = fetched(&document).await;
    let disposition = headers["content-disposition"].to_str().unwrap();
    assert_eq!(disposition, "attachment; filename=\"__.hwp\"; filename*=UTF-8''%ED%95%9C%EA%B8%80.hwp");
    assert_eq!(text, b"a text");
    assert_eq!(outsider.get(&url).await.status, 404);
    let (address, ticket) = location.split_once('?').unwrap();
    for other in [address.to_owned(), format!("{location}x"), format!("{address}-small?{ticket}")] {
        assert_eq!(fetched(&other).await.0, 403, "{other}");
    }
    assert_eq!(fetched(&format!("{}/file/secret?{ticket}", images.address)).await.0, 404);

    author.post(&format!("{room}/chat/{seq}"), &[("_method", "delete")]).await;
    eventually("the files to be gone", || async { stored(&kept).is_empty().then_some(()) }).await;
    assert_eq!(fetched(&location).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_become_one_chat_and_what_has_none_is_swept() {
    let (site, images, kept) = site_with_images("files-staged").await;
    let [author, other] = [site.person("author").await, site.person("other").await];
    let room = author.make_room("album").await;
    let form = author.attach_form(&room).await;
    let photo = encoded(&four_colour_image(400, 300), ImageFormat::Jpeg);
    let receipts = [form.stage("2", "2.txt", b"two").await.json(), form.stage("1", "1.jpg", &photo).await.json()];
    let [second, first] = receipts.map(|answer| answer["receipt"].as_str().unwrap().to_owned());
    let waiting = fs::read_dir(&kept).unwrap().map(|file| file.unwrap().metadata().unwrap().modified().unwrap());
    let hour = SystemTime::now() + Duration::from_secs(55 * 60);
    assert!(waiting.min().unwrap() > hour, "they are left alone as long as their receipts are good");

    let both = [("text", ""), ("receipt", first.as_str()), ("receipt", second.as_str())];
    let theirs = other.attach_form(&room).await;
    let elsewhere = author.attach_form(&author.make_room("elsewhere").await).await;
    for wrong in [theirs, elsewhere, form.again()] {
        assert_eq!(code(&wrong.send(JSON, &both, NO_FILES).await), (422, "form".into()));
    }
    let twice = [("receipt", first.as_str()), ("receipt", first.as_str())];
    assert_eq!(code(&form.send(JSON, &twice, NO_FILES).await), (422, "form".into()));
    let unused = form.again().stage("1", "unused.txt", b"unused").await.json()["file"]["path"].clone();
    let posted = form.send(JSON, &both, &[("3.txt", b"three".to_vec())]).await;
    assert_eq!(posted.status, 201, "{}", posted.body);
    let names: Vec<Value> =
        posted.json()["files"].as_array().unwrap().iter().map(|file| file["name"].clone()).collect();
    assert_eq!(names, [json!("1.jpg"), json!("2.txt"), json!("3.txt")]);
    assert_eq!(form.send(JSON, &both, &[("3.txt", b"three".to_vec())]).await.status, 200);
    // A file that is gone is to be sent again.
    let late = form.again();
    let lost = late.stage("1", "lost.txt", b"lost").await.json();
    fs::remove_file(kept.join(lost["file"]["path"].as_str().unwrap())).unwrap();
    let receipt = [("receipt", lost["receipt"].as_str().unwrap())];
    assert_eq!(code(&late.send(JSON, &receipt, NO_FILES).await), (410, "receipt".into()));
    // A text without a file is a chat as any other.
    assert_eq!(form.again().send(JSON, &[("text", "words")], NO_FILES).await.status, 201);
    assert_eq!(code(&form.again().send(JSON, &[("text", " ")], NO_FILES).await), (422, "missing".into()));

    // A ticket ends with the session that it was given to.
    let of_ended = form.again();
    assert_eq!(author.post("/session", &[("_method", "delete")]).await.status, 303);
    assert_eq!(of_ended.send(JSON, &[("text", "words")], NO_FILES).await.status, 403);

    assert_eq!(stored(&kept).len(), 5);
    for file in fs::read_dir(&kept).unwrap() {
        let file = fs::File::options().write(true).open(file.unwrap().path()).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(3_600)).unwrap();
    }
    let port = images.address.rsplit(':').next().unwrap().parse().unwrap();
    images.stop().await;
    let _again = Images::start(&site.address, port, &kept).await;
    let unused = kept.join(unused.as_str().unwrap());
    eventually("the unused file to go", || async { (!unused.exists()).then_some(()) }).await;
    assert_eq!(stored(&kept).len(), 4, "the chat has its files");
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_arrive_upright_in_their_colours_and_without_a_trace() {
    let (site, _images, kept) = site_with_images("files-pictures").await;
    let author = site.person("author").await;
    let form = author.attach_form(&author.make_room("album").await).await;
    let stage = async |name: &str, bytes: Vec<u8>| renditions(&kept, &form.stage("1", name, &bytes).await);
    let upright = ["rgbw", "grwb", "wbgr", "bwrg", "rbgw", "brwg", "wgbr", "gwrb"];
    let photographers = [photographed, photographed_png, photographed_webp];
    for (orientation, corners_then) in (1..).zip(upright) {
        let photographer = photographers[usize::from(orientation) % 3];
        let photo = photographer(&four_colour_image(640, 480), orientation, PLACE);
        assert!(contains(&photo, PLACE));
        let (file, large, small) = stage("photo.png", photo).await;
        assert_eq!((corners(&large), corners(&small)), (corners_then.into(), corners_then.into()), "{orientation}");
        assert_eq!((&file["type"], &file["name"]), (&json!("image/jpeg"), &json!("photo.jpg")));
        let is_turned = orientation > 4;
        assert_eq!(file["width"], if is_turned { 480 } else { 640 });
    }

    // What is transparent stays so; what only might be is a JPEG.
    let glass = RgbaImage::from_fn(2_000, 1_000, |x, _| Rgba([255, 0, 0, if x < 1_000 { 255 } else { 0 }]));
    let opaque = RgbaImage::from_pixel(400, 400, Rgba([0, 255, 0, 255]));
    let png = |picture: RgbaImage| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    };
    let (file, large, small) = stage("glass.png", png(glass)).await;
    assert_eq!((&file["type"], &file["width"]), (&json!("image/png"), &json!(1_600)));
    for rendition in [large, small] {
        let picture = image::load_from_memory(&rendition).unwrap().to_rgba8();
        let (width, height) = (picture.width(), picture.height());
        assert_eq!(picture.get_pixel(8, height / 2).0, [255, 0, 0, 255]);
        assert_eq!(picture.get_pixel(width - 8, height / 2).0[3], 0);
    }
    assert_eq!(stage("opaque.png", png(opaque)).await.0["type"], "image/jpeg");

    // Four inks, plain and as Adobe's programs write them.
    for transform in [None, Some(0), Some(2)] {
        let (_, large, _) = stage("print.jpg", cmyk_jpeg([0, 200, 200, 0], transform)).await;
        let pixel = image::load_from_memory(&large).unwrap().to_rgb8().get_pixel(4, 4).0;
        let is_near = pixel.iter().zip([255, 55, 55]).all(|(channel, expected)| channel.abs_diff(expected) < 8);
        assert!(is_near, "{transform:?}: {pixel:?}");
    }

    // What moves goes on moving, and its small version stands.
    let (day, night) = (four_colour_image(400, 200), RgbImage::from_pixel(400, 200, Rgb([0, 0, 0])));
    for (name, media_type, bytes) in [
        ("a.gif", "image/gif", animated_gif([&day, &night], PLACE)),
        ("a.webp", "image/webp", animated_webp([&day, &night], PLACE)),
    ] {
        assert!(contains(&bytes, PLACE));
        let (file, large, small) = stage(name, bytes.clone()).await;
        assert_eq!((&file["type"], &file["animated"], &file["width"]), (&json!(media_type), &json!(true), &json!(400)));
        assert!(large.len() < bytes.len() && !contains(&large, PLACE));
        assert_eq!(corners(&large), "rgbw");
        assert_eq!(corners(&small), "rgbw");
        assert_eq!(image::guess_format(&small).unwrap(), ImageFormat::Jpeg);
        assert_eq!(frames(&large), 2);
        assert!(media_type != "image/gif" || contains(&large, b"NETSCAPE2.0\x03\x01\0\0\0"), "for ever");
    }
    let (file, ..) = stage("many.gif", gif_of_frames(5_000)).await;
    assert_eq!(file["animated"], Value::Null, "too many to look at");
    assert!(stored(&kept).iter().all(|(_, bytes)| !contains(bytes, PLACE) && !contains(bytes, b"Exif")));
}

fn frames(bytes: &[u8]) -> usize {
    use image::AnimationDecoder;
    let input = std::io::Cursor::new(bytes);
    let frames = match image::guess_format(bytes).unwrap() {
        ImageFormat::Gif => image::codecs::gif::GifDecoder::new(input).unwrap().into_frames(),
        _ => image::codecs::webp::WebPDecoder::new(input).unwrap().into_frames(),
    };
    frames.collect_frames().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_is_refused_in_words_and_no_text_is_lost() {
    let limits = Figment::new()
        .merge(Serialized::default("files.picture_bytes", "1MiB"))
        .merge(Serialized::default("files.file_bytes", "2MiB"))
        .merge(Serialized::default("files.user_bytes", "3MiB"));
    let (site, images, kept) = site_with_images_and("files-refused", limits.clone()).await;
    let author = site.person("author").await;
    let room = author.make_room("album").await;
    let form = author.attach_form(&room).await;
    let photo = encoded(&four_colour_image(400, 400), ImageFormat::Jpeg);
    let gif = animated_gif([&four_colour_image(64, 64), &four_colour_image(64, 64)], PLACE);
    let refused = [
        ("half.jpg", photo[..photo.len() / 2].to_vec(), "broken", 422),
        ("short.jpg", photo[..photo.len() - 2].to_vec(), "broken", 422),
        ("nothing.png", b"\x89PNG\r\n\x1a\nnothing more".to_vec(), "broken", 422),
        ("half.gif", gif[..gif.len() - 60].to_vec(), "broken", 422),
        ("vast.png", enormous_png(50_000, 50_000), "pixels", 422),
        ("large.png", enormous_png(9_999, 9_999), "pixels", 422),
        ("heavy.jpg", [photo.clone(), vec![0; 1 << 20]].concat(), "too-large", 413),
        ("heavy.bin", vec![7; (2 << 20) + 1], "too-large", 413),
        ("empty.txt", Vec::new(), "missing", 422),
    ];
    for (name, bytes, expected, status) in refused {
        let answer = form.stage("1", name, &bytes).await;
        assert_eq!(code(&answer), (status, expected.into()), "{name}");
        assert_eq!(answer.json()["error"]["file"], name);
        assert!(answer.json()["error"]["message"].as_str().unwrap().len() > 10);
    }
    let many = vec![("a.txt", b"a".to_vec()); 11];
    assert_eq!(code(&form.send(JSON, &[], &many).await), (422, "too-many-files".into()));
    assert_eq!(code(&form.send(JSON, &[("stage", "1")], &many[..2]).await), (422, "too-many-files".into()));
    for ticket in [String::new(), "nonsense".into(), format!("{}x", form.ticket)] {
        let form = AttachForm { ticket, ..form.clone() };
        assert_eq!(code(&form.send(JSON, &[], &many[..1]).await), (403, "ticket".into()));
    }
    for n in ["0", "11", "x"] {
        assert_eq!(code(&form.stage(n, "a.txt", b"a").await), (422, "form".into()));
    }
    // Two files stand for now, until they are swept: that of the too many, and the first of a stage.
    assert!(stored(&kept).iter().all(|(_, bytes)| bytes == b"a"), "nothing else was kept");

    // Files that are no pictures are not taken for them, whatever their names are.
    let svg = form.stage("1", "a.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>").await.json();
    assert_eq!((&svg["file"]["kind"], &svg["file"]["type"]), (&json!("file"), &json!("application/octet-stream")));

    // A form without a text returns to the room; one with a text keeps it.
    let broken = [("broken.jpg", photo[..photo.len() / 2].to_vec())];
    let back = form.send("text/html", &[("text", "")], &broken).await;
    assert_eq!((back.status, back.location), (303, Some(format!("{}{room}?upload=broken", site.address))));
    let page = form.send("text/html", &[("text", "\n<b>typed & kept")], &broken).await;
    assert_eq!(page.status, 422);
    assert_eq!(text_of(&page.body, "textarea[name=text]").as_deref(), Some("<b>typed & kept"));
    assert!(text_of(&page.body, "[role=alert]").unwrap().starts_with("broken.jpg: "));
    assert_eq!(attribute_of(&page.body, "[name=nonce]", "value"), Some(form.nonce.clone()));
    // Its form is sent from the file server's own page.
    let resent = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let resent = resent.post(&form.action).header("Origin", &images.address);
    let fields = reqwest::multipart::Form::new().text("ticket", form.ticket.clone()).text("nonce", form.nonce.clone());
    let resent = Answer::read(resent.multipart(fields.text("text", "again"))).await;
    assert!(resent.location.unwrap().contains("#chat-"));

    // What a person may store is used up by and by.
    let full = form.again();
    let files = [("1.bin", vec![1; 2 << 20]), ("2.bin", vec![2; 2 << 20])];
    assert_eq!(code(&full.send(JSON, &[], &files).await), (507, "quota".into()));

    // Without the site nothing is lost but time, on a full disk nothing is begun.
    let alone =
        Images::configured(limits.clone(), secret(), "http://127.0.0.1:9", free_port(), &folder("files-alone")).await;
    let to = |server: &Images| AttachForm { action: format!("{}/file", server.address), ..form.again() };
    let answer = to(&alone).send(JSON, &[], &[("a.txt", b"a".to_vec())]).await;
    assert_eq!(code(&answer), (503, "unavailable".into()));
    let full = limits.merge(Serialized::default("files.min_free_percent", 100));
    let disk = folder("files-full");
    let full = Images::configured(full, secret(), &site.address, free_port(), &disk).await;
    assert_eq!(code(&to(&full).stage("1", "a.txt", b"a").await), (507, "disk".into()));
    assert!(stored(&disk).is_empty());
    let health = fetched(&format!("{}/health", full.address)).await.2;
    assert_eq!(serde_json::from_slice::<Value>(&health).unwrap()["space"], "low");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_flows_through_and_is_served_in_parts() {
    let (port, var) = (free_port(), folder("files-large"));
    let site = Site::alone(("images.port", port)).await;
    let mut server = command(&var);
    server.arg("images").env("ROCKET_IMAGES", format!("{{port={port}, secret=\"the secret of the tests\"}}"));
    let server =
        server.env("ROCKET_SITE", format!("{{url=\"{0}\", internal_url=\"{0}\"}}", site.address)).spawn().unwrap();
    let author = site.person("author").await;
    let room = author.make_room("films").await;
    let form = author.attach_form(&room).await;
    let small = || async { reqwest::get(format!("http://127.0.0.1:{port}/health")).await.ok() };
    eventually("the file server to be there", small).await;
    assert_eq!(form.again().stage("1", "a.txt", b"a").await.status, 201);
    let peak = || {
        let status = fs::read_to_string(format!("/proc/{}/status", server.id().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().to_owned();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
    };
    let before = peak();
    let mut film = vec![0; 100 << 20];
    film[..16].copy_from_slice(b"\0\0\0\x20ftypisom\0\0\0\0");
    film[50 << 20] = 50;
    let posted = form.send(JSON, &[], &[("film.mp4", film.clone())]).await;
    assert_eq!(posted.status, 201, "{}", posted.body);
    assert!(peak() - before <= 16, "{} MiB over {before}", peak() - before);
    let file = posted.json()["files"][0].clone();
    assert_eq!((&file["kind"], &file["type"]), (&json!("video"), &json!("video/mp4")));
    let url = author.get(file["url"].as_str().unwrap()).await.location.unwrap();

    let client = reqwest::Client::new();
    let whole = client.get(&url).send().await.unwrap();
    let tag = whole.headers()["etag"].clone();
    assert_eq!(
        (&whole.headers()["accept-ranges"], whole.content_length()),
        (&"bytes".parse().unwrap(), Some(100 << 20))
    );
    assert!(whole.bytes().await.unwrap() == film);
    assert!(peak() - before <= 16, "{} MiB over {before}", peak() - before);
    let head = client.head(&url).send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.headers()["content-length"].to_str().unwrap()), (200, "104857600"));
    let part = client.get(&url).header(RANGE, format!("bytes={0}-{0}", 50 << 20)).header(IF_RANGE, &tag).send();
    let part = part.await.unwrap();
    assert_eq!(part.status().as_u16(), 206);
    assert_eq!(part.headers()["content-range"], "bytes 52428800-52428800/104857600");
    assert_eq!(part.bytes().await.unwrap().as_ref(), [50]);
    let beyond = client.get(&url).header(RANGE, "bytes=104857600-").send().await.unwrap();
    assert_eq!(
        (beyond.status().as_u16(), &beyond.headers()["content-range"]),
        (416, &"bytes */104857600".parse().unwrap())
    );
    let other = client.get(&url).header(RANGE, "bytes=0-0").header(IF_RANGE, "\"other\"").send().await.unwrap();
    assert_eq!(other.status().as_u16(), 200);
    drop(other);
    let known = client.get(&url).header("If-None-Match", tag).send().await.unwrap();
    assert_eq!(known.status().as_u16(), 304);

    // Bombs, and what never ends.
    let bomb = form.again();
    assert_eq!(bomb.stage("1", "bomb.gif", &gif_of_frames(100_000)).await.status, 201);
    assert_eq!(code(&bomb.stage("1", "bomb.png", &enormous_png(50_000, 50_000)).await), (422, "pixels".into()));
    let fields = [("ticket", form.ticket.as_str()), ("nonce", "endless")];
    send_endless(port, "/file", &fields, "file").await;
    // Neither of these reaches a ticket.
    for start in ["a preamble without a boundary", "--b\r\nX-Header: "] {
        send_endless_body(port, "/file", start).await;
    }
    assert!(peak() - before <= 48, "{} MiB over {before}", peak() - before);
}
