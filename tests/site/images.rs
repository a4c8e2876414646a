//! Pictures, on a server of their own.

use std::time::{Duration, SystemTime};

use image::ImageFormat;
use sarangbang::ticket::{Purpose, Secret};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::helpers::eventually;
use crate::helpers::images::{
    Images, corners, encoded, enormous_png, four_colour_image, free_port, gif_of_frames, photographed, send_endless,
    site_with_images, with_preview,
};
use crate::helpers::page::text_of;
use crate::helpers::person::{Answer, Person};
use crate::helpers::process::{command, kill};
use crate::helpers::proxy::Proxy;
use crate::helpers::site::{Site, folder, secret};

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_sent_made_small_and_shown() {
    let (site, images, _) = site_with_images("pictures-sent").await;
    let person = site.person("gildong").await;
    assert_eq!(person.own_picture("").await, None, "one is drawn");
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP] {
        let sent = person.send_picture(encoded(&four_colour_image(900, 600), format)).await;
        assert_eq!((sent.status, sent.location), (303, Some(format!("{}/user/me?picture=stored", site.address))));
        let (large, small) = (person.own_picture("").await.unwrap(), person.own_picture("?small").await.unwrap());
        let size = |bytes: &[u8]| image::load_from_memory(bytes).map(|picture| (picture.width(), picture.height()));
        assert_eq!((size(&large).unwrap(), size(&small).unwrap()), ((256, 256), (64, 64)));
        assert_eq!((corners(&large), corners(&small)), ("rgbw".into(), "rgbw".into()), "{format:?}");
    }
    assert!(text_of(&person.get("/user/me?picture=stored").await.body, ".notice").is_some());
    assert!(text_of(&person.get("/user/me?picture=kind").await.body, "[data-error-for=picture]").is_some());

    let gone = person.post("/user/me/picture", &[("_method", "delete")]).await;
    assert_eq!((gone.status, gone.location.as_deref()), (303, Some("/user/me?done=picture")));
    assert_eq!(person.own_picture("").await, None);
    images.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_is_turned_upright_and_nobody_learns_where_it_was_taken() {
    let (site, _images, _) = site_with_images("pictures-upright").await;
    let person = site.person("gildong").await;
    // What the corners of the stored pixels are once a camera held that way is allowed for.
    let upright = ["rgbw", "grwb", "wbgr", "bwrg", "rbgw", "brwg", "wgbr", "gwrb"];
    for (orientation, corners_then) in (1..).zip(upright) {
        let photo = photographed(&four_colour_image(640, 480), orientation, b"DOKDO-01");
        assert!(photo.windows(8).any(|bytes| bytes == b"DOKDO-01"));
        assert!(person.send_picture(photo).await.location.unwrap().ends_with("stored"));
        let kept = person.own_picture("").await.unwrap();
        assert_eq!(corners(&kept), corners_then, "held as {orientation}");
        assert!(!kept.windows(8).any(|bytes| bytes == b"DOKDO-01") && !kept.windows(4).any(|bytes| bytes == b"Exif"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_picture_or_too_much_of_one_is_refused_in_words() {
    let (site, _images, kept) = site_with_images("pictures-refused").await;
    let person = site.person("gildong").await;
    let photo = encoded(&four_colour_image(400, 400), ImageFormat::Jpeg);
    let previewed = with_preview(&photo, &encoded(&four_colour_image(40, 40), ImageFormat::Jpeg));
    let refused = [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(), "kind", 422),
        (b"<!doctype html><script>alert(1)</script>".to_vec(), "kind", 422),
        (photo[..photo.len() / 2].to_vec(), "broken", 422),
        (previewed[..previewed.len() - photo.len() / 3].to_vec(), "broken", 422),
        (photo[..photo.len() - 2].to_vec(), "broken", 422),
        (b"\x89PNG\r\n\x1a\nnothing more".to_vec(), "broken", 422),
        (enormous_png(50_000, 50_000), "pixels", 422),
        (enormous_png(9_999, 9_999), "pixels", 422),
        (vec![0xff; (8 << 20) + 1], "too-large", 413),
        (Vec::new(), "missing", 422),
    ];
    let (address, ticket) = person.picture_form().await.unwrap();
    for (bytes, code, status) in refused {
        let page = person.send_picture(bytes.clone()).await;
        assert_eq!(page.location, Some(format!("{}/user/me?picture={code}", site.address)));
        let json = person.send_picture_to(&address, &ticket, bytes, "application/json").await;
        assert_eq!((json.status, &json.json()["error"]["code"]), (status, &code.into()));
        let words = text_of(&person.get(&format!("/user/me?picture={code}")).await.body, "[data-error-for=picture]");
        assert!(words.is_some_and(|words| !words.is_empty()), "{code}");
    }
    // A browser that still sends hears all the same.
    let page = person.send_picture(vec![0xff; 40 << 20]).await;
    assert!(page.location.unwrap().ends_with("too-large"));
    for kind in ["", "multipart/form-data", "multipart/form-data; boundary=", "text/plain"] {
        let sent =
            reqwest::Client::new().post(&address).header("Content-Type", kind).header("Accept", "application/json");
        let json = Answer::read(sent.body("--\r\n")).await;
        assert_eq!((json.status, &json.json()["error"]["code"]), (422, &"form".into()), "{kind}");
    }
    assert_eq!(person.own_picture("").await, None);
    assert_eq!(std::fs::read_dir(kept).unwrap().count(), 0, "nothing was kept");
    // What stands behind the end of a picture does not matter.
    for whole in [previewed, [photo, vec![0; 1 << 20]].concat()] {
        assert!(person.send_picture(whole).await.location.unwrap().ends_with("stored"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_ticket_nothing_is_read_or_kept() {
    let (site, _images, kept) = site_with_images("pictures-tickets").await;
    let (person, other) = (site.person("gildong").await, site.person("other").await);
    let (address, ticket) = person.picture_form().await.unwrap();
    let (_, others) = other.picture_form().await.unwrap();
    let (user, _) = ticket.split_once('.').unwrap();
    let (_, signature) = others.split_once('.').unwrap();
    let asking = format!("{user}.{}", secret().ticket(Purpose::QueryPicture, user));
    for ticket in ["", "nonsense", &format!("{user}.{signature}"), &asking, &ticket[..ticket.len() - 2]] {
        let photo = encoded(&four_colour_image(300, 300), ImageFormat::Jpeg);
        let refused = person.send_picture_to(&address, ticket, photo, "application/json").await;
        assert_eq!((refused.status, &refused.json()["error"]["code"]), (403, &"ticket".into()), "{ticket}");
    }
    assert_eq!(std::fs::read_dir(kept).unwrap().count(), 0);

    let path = format!("/image/{}.jpg", "0".repeat(64));
    let put = |ticket: String| {
        let request = site.visitor().request("PUT", &format!("/user/{user}/image"));
        let path = path.clone();
        async move { Answer::read(request.bearer_auth(ticket).form(&[("path", path)])).await.status }
    };
    assert_eq!(put(String::new()).await, 403);
    assert_eq!(put(secret().ticket(Purpose::SetPicture, user)).await, 403);
    assert_eq!(put(secret().ticket(Purpose::SetPicture, &format!("{user} {path}"))).await, 204);
    assert_eq!(site.visitor().get(&path).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_sites_own_pages_may_send_by_script() {
    let (site, images, _) = site_with_images("pictures-cors").await;
    let person = site.person("gildong").await;
    let (address, ticket) = person.picture_form().await.unwrap();
    let client = reqwest::Client::new();
    for (origin, allowed) in [(site.address.as_str(), true), ("https://evil.example", false), ("null", false)] {
        let preflight = client.request(reqwest::Method::OPTIONS, &address).header("Origin", origin);
        let answer = preflight.header("Access-Control-Request-Method", "POST").send().await.unwrap();
        let header =
            answer.headers().get("access-control-allow-origin").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header, allowed.then(|| origin.to_owned()));
        let form = reqwest::multipart::Form::new().text("ticket", ticket.clone());
        let sent = client.post(&address).header("Origin", origin).header("Accept", "application/json").multipart(form);
        let sent = sent.send().await.unwrap();
        assert_eq!(sent.status().as_u16(), if allowed { 422 } else { 403 }, "{origin}");
        assert_eq!(sent.headers().contains_key("access-control-allow-origin"), allowed);
    }
    let policy = person.request("GET", "/user/me").send().await.unwrap().headers()["content-security-policy"].clone();
    assert_eq!(policy.to_str().unwrap().matches(&images.address).count(), 4, "pictures and films from it, and to it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_its_hash_for_ever_and_no_other_path_leads_anywhere() {
    let (site, images, kept) = site_with_images("pictures-files").await;
    let person = site.person("gildong").await;
    person.send_picture(encoded(&four_colour_image(300, 300), ImageFormat::Png)).await;
    std::fs::write(kept.join("secret.txt"), "secret").unwrap();
    let mut names: Vec<String> =
        std::fs::read_dir(&kept).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let name = names[0].strip_suffix("-small.jpg").unwrap();
    let url = format!("{}/image/{name}.jpg", images.address);
    let picture = reqwest::get(&url).await.unwrap();
    assert!(picture.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    assert_eq!(picture.headers()["x-content-type-options"], "nosniff");
    let tag = picture.headers()["etag"].clone();
    let again = reqwest::Client::new().get(&url).header("If-None-Match", tag).send().await.unwrap();
    assert_eq!(again.status().as_u16(), 304);
    for other in ["secret.txt", "..%2fsecret.txt", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%2fetc%2fpasswd", "x%00.jpg", ""]
    {
        let answer = reqwest::get(format!("{}/image/{other}", images.address)).await.unwrap();
        assert!(matches!(answer.status().as_u16(), 404 | 405), "{other}: {}", answer.status());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_nobody_has_goes_and_one_that_somebody_has_stays() {
    let (site, images, kept) = site_with_images("pictures-swept").await;
    let (gildong, chunhyang) = (site.person("gildong").await, site.person("chunhyang").await);
    let age = || {
        for file in std::fs::read_dir(&kept).unwrap() {
            let file = std::fs::File::options().write(true).open(file.unwrap().path()).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(3_600)).unwrap();
        }
    };
    let files = || std::fs::read_dir(&kept).unwrap().count();
    let shared = encoded(&four_colour_image(300, 300), ImageFormat::Png);
    gildong.send_picture(shared.clone()).await;
    chunhyang.send_picture(shared).await;
    assert_eq!(files(), 2, "the same picture is kept once, in two sizes");
    age();
    let other = image::imageops::rotate90(&four_colour_image(300, 300));
    gildong.send_picture(encoded(&other, ImageFormat::Gif)).await;
    assert_eq!(files(), 4, "she has the first still");
    age();
    chunhyang.post("/user/me/picture", &[("_method", "delete")]).await;
    eventually("the first to go", || async { (files() == 2).then_some(()) }).await;
    assert!(gildong.own_picture("").await.is_some());

    // What a crash between any two steps leaves: half a file, and a whole one that the site was never told of.
    std::fs::write(kept.join("0123.part"), "half").unwrap();
    let orphans = ["f", "e"].map(|digit| kept.join(format!("{}.jpg", digit.repeat(64))));
    let half = kept.join(format!("{}-small.jpg", "d".repeat(64)));
    std::fs::write(&orphans[0], "orphan").unwrap();
    std::fs::write(&half, "half an orphan").unwrap();
    age();
    let port = images.address.rsplit(':').next().unwrap().parse().unwrap();
    images.stop().await;
    // Whoever does not share the secret learns nothing, and takes that for no answer.
    let proxy = Proxy::before(&site.address, || false).await;
    let other = Secret::from_config("another secret of the tests").unwrap();
    let stranger = Images::start_with(other, &proxy.address, port, &kept).await;
    eventually("the site to be asked again", || async {
        (proxy.requests.load(std::sync::atomic::Ordering::Relaxed) >= 2).then_some(())
    })
    .await;
    assert!(orphans[0].exists() && half.exists() && gildong.own_picture("").await.is_some());
    stranger.stop().await;

    // What was written just now goes too, once the site must know of it.
    std::fs::write(&orphans[1], "orphan").unwrap();
    let file = std::fs::File::options().write(true).open(&orphans[1]).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(50)).unwrap();
    let _again = Images::start(&site.address, port, &kept).await;
    let left = || orphans.iter().chain([&half]).filter(|file| file.exists()).count();
    eventually("what is old to go", || async { (left() == 1).then_some(()) }).await;
    eventually("what was new to go", || async { (left() == 0).then_some(()) }).await;
    assert_eq!(files(), 2);
    assert!(gildong.own_picture("").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_trickles_is_ended_after_thirty_seconds() {
    let (site, images, _) = site_with_images("pictures-slow").await;
    let person = site.person("gildong").await;
    let (_, ticket) = person.picture_form().await.unwrap();
    let host = images.address.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let head = format!(
        "POST /image HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\nContent-Length: 100000\r\n\
         Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"ticket\"\r\n\r\n\
         {ticket}\r\n--b\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"a\"\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // What its user holds besides is held from nobody else.
    let mut held = Vec::new();
    for _ in 0..8 {
        let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        held.push(stream);
    }
    let photo = encoded(&four_colour_image(300, 300), ImageFormat::Jpeg);
    let other = site.person("other").await.send_picture(photo).await;
    assert!(other.location.unwrap().ends_with("stored"));
    // A file of a chat may take longer, but not for ever.
    let patient = site.person("patient").await;
    let form = patient.attach_form(&patient.make_room("slow").await).await;
    let mut file = tokio::net::TcpStream::connect(host).await.unwrap();
    let fields = head.replacen("/image", "/file", 1).replace(&ticket, &form.ticket);
    let fields = fields.replace(
        "--b\r\nContent-Disposition: form-data; name=\"picture\"",
        "--b\r\nContent-Disposition: form-data; name=\"nonce\"\r\n\r\nslow\r\n--b\r\nContent-Disposition: form-data; name=\"file\"",
    );
    file.write_all(fields.as_bytes()).await.unwrap();
    let (picture, file) = tokio::join!(trickled(stream), trickled(file));
    for answer in [picture, file] {
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer:?}");
    }
}

/// Sends a byte now and then until there is an answer.
async fn trickled(stream: tokio::net::TcpStream) -> String {
    let (mut reader, mut writer) = stream.into_split();
    let trickle = tokio::spawn(async move {
        while writer.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let mut answer = vec![0; 64];
    let read = tokio::io::AsyncReadExt::read(&mut reader, &mut answer);
    let length = crate::helpers::within_timeout("an answer", read).await.unwrap();
    trickle.abort();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn chat_goes_on_while_the_image_server_is_stopped_or_dead_and_pictures_come_back() {
    let (port, var) = (free_port(), folder("pictures-apart"));
    let site = Site::alone(("images.port", port)).await;
    let address = site.address.clone();
    let start = || {
        let mut server = command(&var);
        let images = format!("{{port={port}, secret=\"the secret of the tests\"}}");
        server.arg("images").env("ROCKET_IMAGES", images);
        server.env("ROCKET_SITE", format!("{{url=\"{address}\", internal_url=\"{address}\"}}"));
        server.spawn().unwrap()
    };
    let mut server = start();
    let person: Person = site.person("gildong").await;
    let room = person.make_room("apart").await;
    let there = async |wanted: &str| {
        let health = person.get_json("/health").await;
        assert_eq!(health.status, 200, "the site is well in any case");
        (health.json()["images"] == wanted).then_some(())
    };
    eventually("the image server to be there", || there("ok")).await;
    let photo = encoded(&four_colour_image(300, 300), ImageFormat::Jpeg);
    assert!(person.send_picture(photo.clone()).await.location.unwrap().ends_with("stored"));

    kill("STOP", server.id().unwrap());
    assert!(there("away").await.is_some());
    let page = person.get("/user/me").await;
    assert!(page.status == 200 && page.body.contains("Pictures aren’t available right now"));
    person.say(&room, "while it is stopped").await;
    kill("CONT", server.id().unwrap());
    eventually("the image server to be back", || there("ok")).await;

    kill("KILL", server.id().unwrap());
    server.wait().await.unwrap();
    assert!(there("away").await.is_some());
    assert!(person.picture_form().await.is_none());
    person.say(&room, "while it is dead").await;
    let _server = start();
    eventually("the next image server", || there("ok")).await;
    assert!(person.own_picture("").await.is_some(), "what was kept is there");
    assert!(person.send_picture(photo).await.location.unwrap().ends_with("stored"));
}

#[tokio::test(flavor = "multi_thread")]
async fn out_of_memory_the_image_server_ends_and_takes_nothing_along() {
    let (port, var) = (free_port(), folder("pictures-memory"));
    let site = Site::alone(("images.port", port)).await;
    let address = site.address.clone();
    let start = || {
        // As much as it needs to start, and not for 40 megapixels.
        let server = command(&var);
        let program = server.as_std().get_program().to_owned();
        let mut shell = Command::new("sh");
        shell.args(["-c", "ulimit -d 120000; exec \"$0\" images"]).arg(program).current_dir(&var).kill_on_drop(true);
        shell.env("ROCKET_IMAGES", format!("{{port={port}, secret=\"the secret of the tests\"}}"));
        shell.env("ROCKET_VAR", var.join("var"));
        shell.env("ROCKET_SITE", format!("{{url=\"{address}\", internal_url=\"{address}\"}}"));
        shell.spawn().unwrap()
    };
    let mut server = start();
    let person = site.person("gildong").await;
    let room = person.make_room("apart").await;
    let (images, ticket) = eventually("the image server to be there", || person.picture_form()).await;
    let photo = encoded(&four_colour_image(300, 300), ImageFormat::Jpeg);
    assert!(person.send_picture(photo.clone()).await.location.unwrap().ends_with("stored"));

    let vast = encoded(&four_colour_image(7_000, 5_600), ImageFormat::Png);
    let form = reqwest::multipart::Form::new().text("ticket", ticket);
    let form = form.part("picture", reqwest::multipart::Part::bytes(vast).file_name("vast.png"));
    let sent = reqwest::Client::new().post(images).header("Accept", "application/json").multipart(form).send();
    let (sent, _) = tokio::join!(sent, person.say(&room, "meanwhile"));
    assert!(sent.is_err() || sent.is_ok_and(|answer| !answer.status().is_success()));
    server.wait().await.unwrap();
    person.say(&room, "and on").await;
    assert!(person.get("/user/me").await.body.contains("Pictures aren’t available right now"));
    let _server = start();
    eventually("the next image server", || person.picture_form()).await;
    assert!(person.send_picture(photo).await.location.unwrap().ends_with("stored"));
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_leave_the_image_servers_memory_flat() {
    let (port, var) = (free_port(), folder("pictures-bombs"));
    let site = Site::alone(("images.port", port)).await;
    let mut server = command(&var);
    server.arg("images").env("ROCKET_IMAGES", format!("{{port={port}, secret=\"the secret of the tests\"}}"));
    let server =
        server.env("ROCKET_SITE", format!("{{url=\"{0}\", internal_url=\"{0}\"}}", site.address)).spawn().unwrap();
    let person = site.person("gildong").await;
    eventually("the image server to be there", || person.picture_form()).await;
    let peak = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.id().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().to_owned();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
    };
    assert!(
        person
            .send_picture(encoded(&four_colour_image(300, 300), ImageFormat::Gif))
            .await
            .location
            .unwrap()
            .ends_with("stored")
    );
    let before = peak();

    let frames = person.send_picture(gif_of_frames(100_000)).await;
    assert!(frames.location.unwrap().ends_with("stored"), "its first frame is taken");
    assert!(person.send_picture(enormous_png(50_000, 50_000)).await.location.unwrap().ends_with("pixels"));
    let (_, ticket) = person.picture_form().await.unwrap();
    send_endless(port, "/image", &[("ticket", &ticket)], "picture").await;
    // What arrives is kept in memory up to 8 MiB, and a growing buffer may be there twice.
    let grown = peak() - before;
    assert!(grown < 48, "{grown} MiB over {before}");
    assert!(person.picture_form().await.is_some(), "it goes on");
}
