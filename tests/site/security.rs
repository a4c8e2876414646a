//! What must not happen.

use crate::helpers::person::Answer;
use crate::helpers::site::Site;

const SCRIPT: &str = "<script>alert('x')</script>";

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_script_comes_out_as_text_everywhere() {
    let site = Site::start().await;
    let person = site.visitor();
    let nickname = "<script>&\"'</script>";
    let form = [("userId", "gildong"), ("userPassword", "password"), ("userNickname", nickname)];
    assert_eq!(person.post("/user", &form).await.status, 303);
    let room = person.post("/room", &[("name", SCRIPT), ("topic", SCRIPT)]).await.location.unwrap();
    let mut live = person.follow(&room, 0).await;
    let presence = live.element("presence", |here| here.contains("script")).await;
    let said = person.say(&room, SCRIPT).await;
    assert_eq!(said["text"], SCRIPT);
    live.send("typing").await;
    let (fragment, typing) = (live.fragment().await, live.element("typing", |typing| typing.contains("script")).await);

    let author = said["author"].as_str().unwrap();
    let mut everywhere = vec![presence, fragment, typing];
    let paths = [
        "/room".to_owned(),
        room.clone(),
        format!("{room}?before=9"),
        format!("{room}/chat"),
        format!("{room}/chat/1"),
        format!("/user/{author}"),
        format!("/user/{author}/image"),
    ];
    for path in &paths {
        everywhere.push(person.get(path).await.body);
    }
    everywhere.push(person.post("/room", &[("name", &SCRIPT.repeat(9)), ("topic", SCRIPT)]).await.body);
    everywhere.push(person.post(&format!("{room}/chat"), &[("text", SCRIPT), ("nonce", "<script>")]).await.body);
    let visitor = site.visitor();
    everywhere.push(visitor.post(&format!("{room}/chat"), &[("text", SCRIPT), ("nonce", "\"><script>")]).await.body);
    everywhere.push(visitor.post("/session", &[("userId", SCRIPT), ("next", "\"><script>")]).await.body);
    everywhere.push(visitor.get("/user?next=%22%3E%3Cscript%3E").await.body);
    for html in everywhere {
        let scripts = html.matches("<script").count();
        let ours = html.matches("<script type=\"module\" src=\"/public/").count();
        assert_eq!(scripts, ours, "{html}");
    }
    let json =
        person.request("GET", &format!("{room}/chat")).header("Accept", "application/json").send().await.unwrap();
    assert_eq!(json.headers()["content-type"], "application/json");
    assert_eq!(json.headers()["x-content-type-options"], "nosniff");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_sites_page_sends_is_refused() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("guarded").await;
    let own = site.address.clone();
    let cases = [
        (("Origin", "https://evil.example"), 403),
        (("Origin", "null"), 403),
        (("Origin", "http://127.0.0.1:1"), 403),
        (("Origin", own.as_str()), 201),
        (("Sec-Fetch-Site", "cross-site"), 403),
        (("Sec-Fetch-Site", "same-site"), 403),
        (("Sec-Fetch-Site", "same-origin"), 201),
        (("Sec-Fetch-Site", "none"), 201),
        (("X-None", "of both"), 201),
    ];
    for (n, ((header, value), status)) in cases.into_iter().enumerate() {
        let form = [("text", "hi"), ("nonce", &format!("n{n}"))];
        let request = person.request("POST", &format!("{room}/chat")).header(header, value);
        let answer = Answer::read(request.header("Accept", "application/json").form(&form)).await;
        assert_eq!(answer.status, status, "{header}: {value}");
    }
    for method in ["PUT", "DELETE"] {
        let request = person.request(method, &room).header("Origin", "https://evil.example").form(&[("name", "x")]);
        assert_eq!(Answer::read(request).await.status, 403, "{method}");
    }
    let override_ = person.request("POST", &room).header("Origin", "null").form(&[("_method", "delete")]);
    assert_eq!(Answer::read(override_).await.status, 403);
    assert_eq!(person.try_follow(&room, "", Some("https://evil.example")).await.err(), Some(403));
    assert_eq!(person.try_follow(&room, "", Some("null")).await.err(), Some(403));
    assert!(person.try_follow(&room, "", Some(&own)).await.is_ok());
    assert_eq!(person.get(&room).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configured_address_is_the_only_own_origin() {
    let site = Site::alone(("site.url", "https://chat.example")).await;
    let person = site.visitor();
    let form = [("userId", "gildong"), ("userPassword", "password"), ("userNickname", "길동")];
    for (origin, status) in [("https://chat.example", 303), ("http://chat.example", 403), (site.address.as_str(), 403)]
    {
        let request = person.request("POST", "/user").header("Origin", origin).form(&form);
        assert_eq!(Answer::read(request).await.status, status, "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_what_a_page_may_do() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    for path in ["/room", "/user/nobody", "/nowhere", "/health"] {
        let answer = person.request("GET", path).send().await.unwrap();
        let header = |name| answer.headers()[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'self'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "strict-origin-when-cross-origin");
    }
    let page = person.get("/room").await.body;
    assert!(!page.contains("style=") && !page.contains("onclick"), "nothing inline");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_id_is_404_and_a_bad_body_is_a_clear_answer() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let room = person.make_room("bodies").await;
    for id in ["x", "%00", "0123456789abcdef0123456g", "%ff%fe", &"a".repeat(3_000)] {
        for path in
            [format!("/room/{id}"), format!("/room/{id}/chat"), format!("/user/{id}"), format!("/user/{id}/image")]
        {
            assert_eq!(person.get(&path).await.status, 404, "{path}");
            assert_eq!(site.visitor().get(&path).await.status, 404, "{path}, before anybody is asked for");
        }
    }
    let send = |kind: &'static str, body: Vec<u8>| {
        let request = person.request("POST", &format!("{room}/chat")).header("Content-Type", kind).body(body);
        async move { Answer::read(request).await.status }
    };
    let form = "application/x-www-form-urlencoded";
    assert_eq!(send(form, vec![b'a'; 64 * 1024 + 1]).await, 413);
    assert_eq!(send(form, b"text=\xff\xfe".to_vec()).await, 400);
    assert_eq!(send("text/plain", b"text=a&nonce=b".to_vec()).await, 400);
    assert_eq!(send("multipart/form-data", b"text=a&nonce=b".to_vec()).await, 400);
    assert_eq!(send(form, Vec::new()).await, 422);
    assert_eq!(send(form, b"&&&==&text".to_vec()).await, 422);
    assert_eq!(person.open(&room).await.chats.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_pages_in_the_sites_layout_and_json() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    for (path, status) in [("/nowhere", 404), ("/room?page=x", 422), ("/room/0123456789abcdef01234567", 404)] {
        let page = person.get(path).await;
        assert_eq!(page.status, status, "{path}");
        assert!(page.body.contains("class=\"brand\"") && page.body.contains("class=\"error\""), "{}", page.body);
        let json = person.get_json(path).await;
        assert_eq!(json.status, status, "{path}");
        let error = &json.json()["error"];
        assert!(error["code"].is_string() && error["message"].is_string() && error["fields"].is_object());
    }
}
