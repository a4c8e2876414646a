//! Where requests come from: host names, origins, proxies, cookies of other programs.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::header::{COOKIE, HeaderMap, SET_COOKIE};
use reqwest::multipart::Form;
use sarangbang::ticket::Purpose;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::helpers::images::free_port;
use crate::helpers::person::{Answer, PASSWORD, Person};
use crate::helpers::process::{Process, command};
use crate::helpers::site::{Site, folder, new_database, secret};
use crate::helpers::{soon, until};

const EVIL: &str = "evil.example:8000";
const HOSTS: [&str; 2] = ["chat.local", "chat.example:8443"];

/// The fields of the form of sign-up.
fn sign_up(name: &str) -> [(&str, &str); 3] {
    [("userId", name), ("userPassword", PASSWORD), ("userNickname", name)]
}

/// A program whose log is read.
struct Logged {
    program: Process,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Logged {
    async fn run(mut command: tokio::process::Command) -> Self {
        command.stderr(Stdio::piped());
        let mut program = Process::run(command).await;
        let mut log = BufReader::new(program.child.stderr.take().unwrap()).lines();
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let read = Arc::clone(&lines);
        tokio::spawn(async move {
            while let Ok(Some(line)) = log.next_line().await {
                read.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Self { program, lines }
    }

    fn containing(&self, words: &str) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|line| line.contains(words)).cloned().collect()
    }

    /// Waits until the log has a line with these words.
    async fn says(&self, words: &str) -> String {
        until(words, || async { self.containing(words).into_iter().next() }).await
    }
}

/// The site alone, on a database of its own.
fn site(var: &std::path::Path) -> tokio::process::Command {
    let mut command = command(var);
    command.arg("site").env("ROCKET_DATABASES", format!("{{sarangbang={{url=\"{}\"}}}}", new_database()));
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_address_the_site_answers_at_known_hosts_only() {
    let site = Site::alone(("site.hosts", HOSTS)).await;
    let person = site.person("gildong").await;
    let room = person.make_room("known").await;
    let ask = async |method: &str, path: &str, host: &str, accept: &str| {
        let request = person.request(method, path).header("Host", host).header("Accept", accept);
        Answer::read(if method == "GET" { request } else { request.form(&sign_up("stranger")) }).await
    };
    for method in ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"] {
        for path in ["/", "/user", "/room", &room, "/session", "/nowhere", "/offline", "/public/x/y.css", "/healthy"] {
            assert_eq!(ask(method, path, EVIL, "text/html").await.status, 421, "{method} {path}");
        }
    }
    let page = ask("POST", "/user", EVIL, "text/html").await.body;
    assert!(page.contains("site.hosts") && page.contains("site.url"), "{page}");
    let json = ask("POST", "/user", EVIL, "application/json").await.json();
    assert_eq!(json["error"]["code"], "misdirected");
    assert!(json["error"]["hint"].as_str().unwrap().contains("site.hosts"), "{json}");
    for strange in
        ["", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example@127.0.0.1", "chat.example", "x:y:z"]
    {
        assert_eq!(ask("GET", "/user", strange, "text/html").await.status, 421, "{strange}");
    }
    for known in
        ["127.0.0.1", "10.1.2.3:80", "[::1]:8000", "localhost", "LOCALHOST:1", "chat.local:81", "chat.example:8443"]
    {
        assert_eq!(ask("GET", &room, known, "text/html").await.status, 200, "{known}");
    }
    assert_eq!(site.visitor().sign_in("stranger", PASSWORD).await.status, 422, "nobody signed up");

    for path in ["/health", "/alive"] {
        assert_ne!(ask("GET", path, EVIL, "text/html").await.status, 421, "{path}");
    }
    assert_eq!(ask("GET", "/metrics", EVIL, "text/html").await.status, 404, "without a token there is no such page");
    let path = format!("/image/{}.jpg", "a".repeat(64));
    for (ticket, status) in
        [(None, 421), (Some(secret().ticket(Purpose::QueryPicture, &path)), 200), (Some("1.x".into()), 421)]
    {
        let request = person.request("GET", &path).header("Host", EVIL);
        let answer = Answer::read(ticket.iter().fold(request, |request, ticket| request.bearer_auth(ticket))).await;
        assert_eq!(answer.status, status, "{ticket:?}: {}", answer.body);
    }
    let me = person.get_json("/user/me").await.json()["id"].as_str().unwrap().to_owned();
    let (record, subject) = (format!("/user/{me}/image"), format!("{me} {path}"));
    for (ticket, status) in [("1.x".into(), 421), (secret().ticket(Purpose::SetPicture, &subject), 204)] {
        let request = person.request("PUT", &record).header("Host", EVIL).bearer_auth(&ticket).form(&[("path", &path)]);
        assert_eq!(Answer::read(request).await.status, status, "{ticket}");
    }

    let configured = Site::alone(("site.url", "https://chat.example")).await;
    let request = configured.visitor().request("GET", "/user").header("Host", EVIL);
    assert_eq!(Answer::read(request).await.status, 200, "with site.url any host is answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_origin_passes_with_proof_only() {
    let site = Site::alone(("site.hosts", HOSTS)).await;
    let person = site.person("gildong").await;
    let room = person.make_room("hidden").await;
    let own = site.address.strip_prefix("http://").unwrap();
    for (n, (host, fetch, status)) in [
        (own, Some("same-origin"), 201),
        ("chat.local", Some("same-origin"), 201),
        (own, None, 403),
        (own, Some("same-site"), 403),
        (own, Some("cross-site"), 403),
        (own, Some("none"), 403),
        (EVIL, Some("same-origin"), 421),
    ]
    .into_iter()
    .enumerate()
    {
        let nonce = format!("n{n}");
        let request = person.request("POST", &format!("{room}/chat")).header("Origin", "null").header("Host", host);
        let request = request.form(&[("text", "hi"), ("nonce", &nonce)]).header("Accept", "application/json");
        let request = fetch.into_iter().fold(request, |request, site| request.header("Sec-Fetch-Site", site));
        let answer = Answer::read(request).await;
        assert_eq!(answer.status, status, "{host} {fetch:?}: {}", answer.body);
        if status == 403 {
            assert_eq!(answer.json()["error"]["code"], "hidden-origin");
        }
    }
    let request = person.request("POST", "/room").header("Origin", "null").form(&[("name", "x")]);
    let page = Answer::read(request.header("Accept-Language", "en")).await;
    assert!(page.status == 403 && page.body.contains("Referrer-Policy"), "{}", page.body);

    let configured = Site::alone(("site.url", "https://chat.example")).await;
    for (host, status) in [("chat.example", 303), (EVIL, 403)] {
        let request = configured.visitor().request("POST", "/user").header("Origin", "null").header("Host", host);
        let request = request.header("Sec-Fetch-Site", "same-origin").form(&sign_up("gildong"));
        assert_eq!(Answer::read(request).await.status, status, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_is_not_configured_is_named_on_the_page_in_the_log_once_and_by_check() {
    let var = folder("misconfigured");
    std::fs::create_dir(var.join("var")).unwrap();
    let mut started = site(&var);
    started.env("ROCKET_SITE", "{hosts=[\"chat.local\"]}");
    let logged = Logged::run(started).await;
    let visitor = Person::new(&logged.program.address);
    let send = async |origin: &str, accept: &str| {
        let request = visitor.request("POST", "/user").header("Host", "chat.local").header("Origin", origin);
        let request = request.header("Accept", accept).header("Accept-Language", "en");
        Answer::read(request.header("X-Forwarded-For", "203.0.113.9").form(&sign_up("gildong"))).await
    };
    for origin in ["http://chat.local:8080", "https://chat.local:8443", "http://chat.local:8080"] {
        let page = send(origin, "text/html").await;
        assert!(page.status == 403 && page.body.contains("site.url"), "{origin}: {}", page.body);
    }
    let json = send("http://chat.local:8080", "application/json").await;
    assert_eq!(json.json()["error"]["code"], "other-port");
    assert!(json.json()["error"]["hint"].as_str().unwrap().contains("site.url"), "{}", json.body);
    assert_eq!(send("http://evil.example", "application/json").await.json()["error"]["code"], "foreign-origin");
    assert_eq!(visitor.get("/the-end").await.status, 404);
    logged.says("/the-end").await;
    let told = logged.containing("set site.url = \"http://chat.local:8080\"");
    assert_eq!((told.len(), logged.containing("set site.url").len()), (1, 1), "{told:?}");
    let told = logged.containing("Cannot trust X-Forwarded-For");
    assert!(told.len() == 1 && told[0].contains("127.0.0.1"), "{told:?}");

    let check = async |proxies: &str, url: &str| {
        let mut command = command(&var);
        command.arg("check").env("ROCKET_PROXIES", proxies).env("ROCKET_SITE", url).env_remove("ROCKET_DATABASES");
        let output = soon("the program to end", command.output()).await.unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    until("the peer to be named by check", || async {
        check("[]", "{}").await.contains("Cannot trust X-Forwarded-For from 127.0.0.1").then_some(())
    })
    .await;
    assert!(check("[\"127.0.0.1\"]", "{}").await.contains("proxies is set and site.url is not"));
    let network = check("[\"10.0.0.0/8\"]", "{url=\"https://chat.example\"}").await;
    assert!(network.contains("proxies contains 10.0.0.0/8"), "{network}");
    let one = check("[\"10.0.0.1\"]", "{url=\"https://chat.example\"}").await;
    assert!(!one.contains("proxies contains") && !one.contains("site.url is not"), "{one}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_site_address_is_named_on_the_page() {
    let site = Site::alone(("site.url", "https://chat.example")).await;
    let request = site.visitor().request("POST", "/user").header("Origin", &site.address);
    let answer = Answer::read(request.header("Accept", "application/json").form(&sign_up("gildong"))).await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (403, &"other-address".into()));
    assert!(answer.json()["error"]["hint"].as_str().unwrap().contains("site.url"), "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_image_server_says_why_it_refuses() {
    let var = folder("images-refuse");
    let mut command = command(&var);
    command.arg("images");
    let images = Process::run(command).await;
    let visitor = Person::new(&images.address);
    let send = async |method: &str, headers: &[(&str, &str)]| {
        let request = visitor.request(method, "/image").header("Accept-Language", "ko");
        Answer::read(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
    };
    let json = ("Accept", "application/json");
    for (header, code, status, words) in [
        (("Host", EVIL), "misdirected", 421, "site.hosts"),
        (("Origin", "null"), "hidden-origin", 403, "Referrer-Policy"),
        (("Origin", "https://evil.example"), "foreign-origin", 403, "다른 사이트에서 보낸 요청이에요."),
        (("Origin", "http://127.0.0.1:1"), "other-port", 403, "site.url"),
        (("Sec-Fetch-Site", "cross-site"), "foreign-origin", 403, "다른 사이트에서 보낸 요청이에요."),
    ] {
        let page = send("POST", &[header]).await;
        assert!(page.status == status && page.body.contains(words), "{header:?}: {} {}", page.status, page.body);
        let told = send("POST", &[header, json]).await;
        assert_eq!((told.status, &told.json()["error"]["code"]), (status, &code.into()), "{header:?}");
        let hint = told.json()["error"]["hint"].as_str().unwrap().to_owned();
        assert!(page.body.contains(&hint) && !hint.is_empty(), "{header:?}: {hint}");
    }
    assert_eq!(send("OPTIONS", &[("Host", EVIL)]).await.status, 421);
    let passed = send("POST", &[("Origin", "null"), ("Sec-Fetch-Site", "same-origin"), json]).await;
    assert_eq!((passed.status, &passed.json()["error"]["code"]), (422, &"form".into()), "it is looked at");
    let request = visitor.request("GET", "/image/health").header("Host", EVIL);
    assert_eq!(Answer::read(request).await.status, 200, "pictures are public");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_image_server_takes_a_valid_ticket_at_any_host_and_names_an_unlisted_proxy_once() {
    let var = folder("images-hosts");
    std::fs::create_dir(var.join("var")).unwrap();
    let mut started = command(&var);
    let settings = format!("{{port={}, secret=\"the secret of the tests\"}}", free_port());
    started.arg("images").env("ROCKET_IMAGES", settings);
    let logged = Logged::run(started).await;
    let visitor = Person::new(&logged.program.address);
    let send = async |ticket: &str| {
        let form = Form::new().text("ticket", ticket.to_owned());
        let request = visitor.request("POST", "/image").header("Host", EVIL).header("X-Forwarded-For", "203.0.113.9");
        Answer::read(request.header("Accept", "application/json").multipart(form)).await
    };
    let user = "6923f0c1e4b0a1b2c3d4e5f6";
    for _ in 0..2 {
        let passed = send(&format!("{user}.{}", secret().ticket(Purpose::Upload, user))).await;
        assert_eq!((passed.status, &passed.json()["error"]["code"]), (422, &"missing".into()), "the ticket is valid");
    }
    for ticket in [format!("{user}.1.x"), "1".into(), secret().ticket(Purpose::Upload, user), "x".repeat(2_000)] {
        let refused = send(&ticket).await;
        assert_eq!((refused.status, &refused.json()["error"]["code"]), (421, &"misdirected".into()), "{ticket}");
    }
    let told = logged.says("Cannot trust X-Forwarded-For").await;
    assert!(told.contains("127.0.0.1"), "{told}");
    assert_eq!(logged.containing("Cannot trust X-Forwarded-For").len(), 1);
    until("the peer to be named by check", || async {
        let output = soon("the program to end", command(&var).arg("check").output()).await.unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        said.contains("Cannot trust X-Forwarded-For from 127.0.0.1").then_some(())
    })
    .await;
}

/// What an answer sets, with the names of cookies first.
fn set(headers: &HeaderMap) -> Vec<String> {
    headers.get_all(SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap().to_owned()).collect()
}

/// The name and the value of somebody's session cookie.
fn session(person: &Person) -> (String, String) {
    let cookies = person.cookie().unwrap().to_str().unwrap().to_owned();
    let session = cookies.split("; ").find(|cookie| !cookie.contains("-locale=")).unwrap();
    let (name, value) = session.split_once('=').unwrap();
    (name.to_owned(), value.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sites_on_one_host_keep_their_sessions_apart() {
    let (here, there) = (Site::start().await, Site::start().await);
    // The jar of a person, as a browser's, does not know ports.
    let person = here.person("gildong").await;
    assert_eq!(person.get("/user?lang=ko").await.status, 303);
    let person = person.at(&there.address);
    person.sign_up("gildong").await;
    assert_eq!(person.get("/room").await.status, 200);
    let person = person.at(&here.address);
    assert_eq!(person.get("/room").await.status, 200, "signing in at the other site signs nobody out");
    let person = person.at(&there.address);
    person.post("/session", &[("_method", "delete")]).await;
    let person = person.at(&here.address);
    assert_eq!(person.get("/room").await.status, 200, "neither does signing out there");
    assert!(person.get("/room").await.body.contains("lang=\"ko\""), "the language is this site's");

    let again = Site::on(&here.database).await;
    let name = session(&here.person("chunhyang").await).0;
    assert_eq!(session(&again.person("mongryong").await).0, name, "all instances on a database share the name");
    assert_ne!(session(&there.person("chunhyang").await).0, name);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cookie_of_the_sites_name_is_tried_and_others_are_left_alone() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let (name, token) = session(&person);
    let stale = "x".repeat(token.len());
    let ask = async |cookies: String| {
        let answer = site.visitor().request("GET", "/room").header(COOKIE, cookies).send().await.unwrap();
        (answer.status().as_u16(), set(answer.headers()))
    };
    for cookies in [
        format!("{name}={token}; {name}={stale}"),
        format!("{name}={stale}; {name}={token}"),
        format!("session=eyJhIjoxfQ.flask; {name}={stale};{name}=; {name}={token}; session={stale}; other"),
    ] {
        assert_eq!(ask(cookies.clone()).await, (200, vec![]), "{cookies}");
    }
    for cookies in [format!("{name}={stale}"), format!("x{name}={token}"), format!("{name}x={token}"), String::new()] {
        assert_eq!(ask(cookies.clone()).await, (303, vec![]), "{cookies}");
    }
    let many = format!("{name}={stale}; ").repeat(8);
    assert_eq!(ask(format!("{many}{name}={token}")).await.0, 303, "a bounded number is tried");

    let (status, changed) = ask(format!("session={stale}; session={token}; session=eyJhIjoxfQ.flask")).await;
    assert_eq!(status, 200, "a cookie of the old name is still good");
    assert!(changed.iter().any(|cookie| cookie.starts_with(&format!("{name}={token};"))), "{changed:?}");
    assert!(changed.iter().any(|cookie| cookie.starts_with("session=;")), "{changed:?}");
    let old_language = site.visitor().request("GET", "/user").header(COOKIE, "locale=ko").send().await.unwrap();
    assert!(soon("a page", old_language.text()).await.unwrap().contains("<html lang=\"ko\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_tls_the_cookies_come_from_the_host_itself_only() {
    let site = Site::alone(("site.url", "https://chat.example")).await;
    let form = site.visitor().request("POST", "/user").form(&sign_up("gildong")).send().await.unwrap();
    let language = site.visitor().request("GET", "/user?lang=ko").send().await.unwrap();
    let (session, language) = (set(form.headers()).remove(0), set(language.headers()).remove(0));
    for cookie in [&session, &language] {
        assert!(cookie.starts_with("__Host-sarangbang-"), "{cookie}");
        assert!(cookie.contains("Secure") && cookie.contains("Path=/") && !cookie.contains("Domain"), "{cookie}");
    }
    let (name, token) = session.split(';').next().unwrap().split_once('=').unwrap();
    let planted = name.strip_prefix("__Host-").unwrap();
    for (cookie, status) in [(format!("{name}={token}"), 200), (format!("{planted}={token}"), 303)] {
        let request = site.visitor().request("GET", "/room").header(COOKIE, &cookie);
        assert_eq!(Answer::read(request).await.status, status, "{cookie}");
    }
    let out = site.visitor().request("DELETE", "/session").header(COOKIE, format!("{name}={token}"));
    let gone = set(out.send().await.unwrap().headers()).remove(0);
    assert!(gone.starts_with(&format!("{name}=;")) && gone.contains("Secure"), "browsers take this: {gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_sends_is_cut_in_the_log_and_chooses_no_number() {
    for form in ["combined", "json"] {
        let var = folder(&format!("cut-{form}"));
        let mut started = site(&var);
        started.env("ROCKET_ACCESS_LOG", form);
        let logged = Logged::run(started).await;
        let visitor = Person::new(&logged.program.address);
        for (n, long) in ["a".repeat(4_000), "\u{ac00}".repeat(1_200), "\\\"".repeat(2_000)].iter().enumerate() {
            let request = visitor.request("GET", &format!("/line-{n}/{}", "%22".repeat(1_200)));
            let request = request.header("User-Agent", long.as_bytes()).header("Referer", long.as_bytes());
            let answer = request.header("X-Request-Id", "chosen").send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 404);
            assert_ne!(answer.headers()["x-request-id"], "chosen");
            let line = logged.says(&format!("/line-{n}/")).await;
            // Each of three fields has at most a kibibyte, which JSON may write as two.
            assert!(line.len() < if form == "json" { 6_500 } else { 3_500 }, "{} bytes: {line}", line.len());
        }
        assert!(logged.containing("chosen").is_empty());
        // A head that is refused has a line too.
        let request = visitor.request("GET", &format!("/refused-{}", "b".repeat(20_000)));
        assert_eq!(Answer::read(request).await.status, 431);
        assert!(logged.says("/refused-b").await.len() < 2_000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_is_the_last_address_that_is_no_proxy() {
    for (proxies, sent, client) in [
        ("[\"127.0.0.1\"]", "203.0.113.9, 10.0.0.5", "10.0.0.5"),
        ("[\"127.0.0.1\", \"10.0.0.5\"]", "203.0.113.9, 10.0.0.5", "203.0.113.9"),
        // A network with clients in it lets them choose: the docs and `check` say so.
        ("[\"127.0.0.1\", \"10.0.0.0/8\"]", "203.0.113.9, 10.0.0.5", "203.0.113.9"),
        ("[\"10.0.0.0/8\"]", "203.0.113.9, 10.0.0.5", "127.0.0.1"),
    ] {
        let var = folder("clients");
        let mut started = site(&var);
        started.env("ROCKET_PROXIES", proxies);
        let logged = Logged::run(started).await;
        let request = Person::new(&logged.program.address).request("GET", "/whose").header("X-Forwarded-For", sent);
        assert_eq!(Answer::read(request).await.status, 404);
        let line = logged.says("/whose").await;
        assert!(line.starts_with(&format!("{client} - ")), "{proxies}: {line}");
    }
}
