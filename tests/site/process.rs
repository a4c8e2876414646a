//! The program as people run it, and as it dies.

use std::process::Stdio;

use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::watch;

use crate::helpers::images::free_port;
use crate::helpers::page::text_of;
use crate::helpers::person::{PASSWORD, Person};
use crate::helpers::process::{Process, command, engines};
use crate::helpers::site::{folder, new_database};
use crate::helpers::{soon, until};

#[tokio::test(flavor = "multi_thread")]
async fn killed_right_after_an_acknowledgement_the_chat_is_there_and_the_engine_ends() {
    let var = folder("kill-9");
    let program = Process::start(&var).await;
    let person = Person::new(&program.address);
    person.sign_up("gildong").await;
    let room = person.make_room("durable").await;
    let mut said = Vec::new();
    for n in 1..=5 {
        said.push(person.try_say(&room, &format!("chat {n}"), &format!("nonce{n}")).await.json());
    }
    program.signal("KILL");
    program.ended().await;
    until("the engine to end with it", || async { engines(&var).is_empty().then_some(()) }).await;

    let program = Process::start(&var).await;
    let person = person.at(&program.address);
    let page = person.open(&room).await;
    assert_eq!(page.texts(), ["chat 1", "chat 2", "chat 3", "chat 4", "chat 5"]);
    let again = person.try_say(&room, "chat 5", "nonce5").await;
    assert_eq!((again.status, again.json()), (200, said[4].clone()));
    program.signal("TERM");
    program.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_it_says_1012_ends_its_engine_and_succeeds() {
    for signal in ["TERM", "INT"] {
        let var = folder(&format!("stop-{signal}"));
        let program = Process::start(&var).await;
        let person = Person::new(&program.address);
        person.sign_up("gildong").await;
        let room = person.make_room("goodbye").await;
        let mut live = person.follow(&room, 0).await;
        program.signal(signal);
        assert_eq!(live.close_code().await, Some(1012), "{signal}");
        assert!(program.ended().await.success(), "{signal}");
        assert!(engines(&var).is_empty(), "{signal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_it_finishes_what_is_in_flight_and_refuses_what_is_new() {
    let var = folder("stop-in-flight");
    let program = Process::start(&var).await;
    let person = Person::new(&program.address);
    person.sign_up("gildong").await;
    let room = person.make_room("last words").await;
    let host = program.address.strip_prefix("http://").unwrap();
    let head = format!(
        "POST {room}/chat HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\nCookie: {}\r\nContent-Length: 14\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nExpect: 100-continue\r\n\r\n",
        person.cookie().unwrap().to_str().unwrap()
    );
    let mut saying = Vec::new();
    for _ in 0..5 {
        let mut stream = TcpStream::connect(host).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut goes_on = [0; 25];
        soon("the site to begin with it", stream.read_exact(&mut goes_on)).await.unwrap();
        assert_eq!(&goes_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        saying.push(stream);
    }
    let silent = format!("{room}/chat?since=0&wait=30");
    let mut live = person.follow(&room, 0).await;
    let stop = async {
        program.signal("TERM");
        assert_eq!(live.close_code().await, Some(1012));
        for (n, stream) in saying.iter_mut().enumerate() {
            stream.write_all(format!("text=a&nonce={n}").as_bytes()).await.unwrap();
            let mut answer = String::new();
            soon("an answer", stream.read_to_string(&mut answer)).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
        }
        let new = person.request("GET", "/health").send().await;
        assert!(new.is_err(), "{new:?}");
    };
    let (polled, ()) = tokio::join!(person.get(&silent), stop);
    assert!(matches!(polled.status, 200 | 204), "who waits for news has an answer: {}", polled.status);
    assert!(program.ended().await.success());

    let program = Process::start(&var).await;
    person.at(&program.address).reload_all(&room).await.assert_whole(5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_right_after_a_kill_waits_for_the_old_engine() {
    let var = folder("kill-start");
    let program = Process::start(&var).await;
    Person::new(&program.address).sign_up("gildong").await;
    program.signal("KILL");
    let program = Process::start(&var).await;
    assert_eq!(Person::new(&program.address).sign_in("gildong", PASSWORD).await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_start_says_why() {
    let var = folder("no-start");
    let complaint = |variables: &[(&'static str, &'static str)]| {
        let mut command = command(&var);
        // Without the cache folder, where an engine would be found.
        command.env("XDG_CACHE_HOME", &var).envs(variables.iter().copied());
        async move {
            let output = soon("the program to end", command.output()).await.unwrap();
            assert!(!output.status.success());
            String::from_utf8_lossy(&output.stderr).into_owned()
        }
    };
    let error = complaint(&[("PATH", "/nonexistent")]).await;
    assert!(error.contains("neither mongod nor secantusd-rs"), "{error}");
    let error = complaint(&[("ROCKET_PORT", "8001"), ("ROCKET_IMAGES", "{port=8001}")]).await;
    assert!(error.contains("images.port and port are both 8001"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_when_nobody_reads_what_it_says() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let deaf = |mut command: Command| {
        command.stdout(writer.try_clone().unwrap()).stderr(writer.try_clone().unwrap());
        command
    };
    let (var, port) = (folder("deaf"), free_port());
    let mut site = command(&var);
    site.arg("site").env("ROCKET_PORT", port.to_string());
    let mut site = deaf(site).spawn().unwrap();
    let alive = format!("http://127.0.0.1:{port}/alive");
    until("the site to answer", || async { reqwest::get(&alive).await.is_ok().then_some(()) }).await;
    for words in [&["check"][..], &["backup", var.join("saved").to_str().unwrap()]] {
        let mut other = command(&var);
        other.args(words);
        let ended = soon("the program to end", deaf(other).status()).await.unwrap();
        // The check finds no image server; the backup finds all that it needs.
        assert_eq!(ended.code(), Some(i32::from(words == ["check"])), "{words:?}");
    }
    assert!(var.join("saved/manifest.json").exists());
    site.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_cannot_be_used_is_told_with_its_place_its_value_and_what_is_allowed() {
    let var = folder("settings");
    let check = async |variable: Option<(&str, &str)>| {
        let mut command = command(&var);
        let output = soon("the program to end", command.arg("check").envs(variable).output()).await.unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for (variable, value, told) in [
        ("ROCKET_PORT", "99999", "Cannot use ROCKET_PORT: port is 99999. Set it to a number"),
        ("ROCKET_ADDRESS", "nowhere", "Cannot use ROCKET_ADDRESS: address is \"nowhere\". Set it to an IP address"),
        ("ROCKET_WORKERS", "many", "Cannot use ROCKET_WORKERS: workers is \"many\". Set it to a number"),
        ("ROCKET_LOG_LEVEL", "loud", "log_level is \"loud\". Set it to \"critical\", \"normal\""),
        ("ROCKET_LIMITS", "{form=\"big\"}", "\"big\""),
        ("ROCKET_LIMITS", "big", "Cannot use ROCKET_LIMITS: limits is \"big\". Set it to sizes by name"),
        ("ROCKET_SHUTDOWN", "{grace=\"long\"}", "shutdown.grace is \"long\". Set it to a number of seconds"),
        ("ROCKET_SHUTDOWN", "{signals=[\"bye\"]}", "\"bye\""),
        (
            "ROCKET_SHUTDOWN",
            "now",
            "Cannot use ROCKET_SHUTDOWN: shutdown is \"now\". Set it to a table of shutdown.grace",
        ),
        ("ROCKET_TLS", "{certs=\"a.pem\"}", "Cannot use ROCKET_TLS: there is no key tls. Use one of address, port"),
        ("ROCKET_VAR", "7", "Cannot use ROCKET_VAR: var is 7. Set it to the path of a folder"),
        (
            "ROCKET_SITE",
            "{url=\"chat.example\"}",
            "Cannot use ROCKET_SITE: site.url is \"chat.example\". Set it to a URL",
        ),
        (
            "ROCKET_SITE",
            "{zone=\"Nowhere\"}",
            "Cannot use ROCKET_SITE: site.zone is \"Nowhere\". Set it to the name of a time zone",
        ),
        ("ROCKET_SITE", "{url=\"ftp://chat.example\"}", "site.url is \"ftp://chat.example\". Set it to"),
        (
            "ROCKET_SITE",
            "{url=\"https://a.example/chat\"}",
            "Cannot use ROCKET_SITE: site.url is \"https://a.example/chat\", which has a path, and Sarangbang serves from the root of a \
             host name. Use a subdomain, for example \"https://chat.a.example\", or another port",
        ),
        ("ROCKET_IMAGES", "{url=\"https://a.example/p/\"}", "images.url is \"https://a.example/p/\", which has a path"),
        ("ROCKET_SITE", "{url=\"https://a.example/?x\"}", "site.url is \"https://a.example/?x\". Set it to a URL"),
        ("ROCKET_SITE", "{url=\"https://me:no@a.example\"}", ". Set it to a URL without a path"),
        ("ROCKET_SITE", "{hosts=[\"a/b\"]}", "site.hosts is [\"a/b\"]. Set it to a list of host names"),
        ("ROCKET_SITE", "{hosts=\"a\"}", "site.hosts is \"a\". Set it to a list of host names"),
        ("ROCKET_SITE", "{url=5}", "site.url is 5. Set it to a URL without a path"),
        (
            "ROCKET_SITE",
            "{ulr=\"x\"}",
            "Cannot use ROCKET_SITE: there is no key site.ulr. Use one of site.url, site.hosts",
        ),
        ("ROCKET_SITE", "https://x", "Cannot use ROCKET_SITE: site is \"https://x\". Set it to a table of site.url"),
        ("ROCKET_IMAGES", "{port=\"x\"}", "images.port is \"x\". Set it to a number up to 65535"),
        ("ROCKET_IMAGES", "{dri=\"x\"}", "there is no key images.dri. Use one of images.address"),
        ("ROCKET_IMAGES", "{secret=\"hidden\"}", "images.secret: it has 6 bytes. Set it to a text of 16"),
        (
            "ROCKET_METRICS",
            "{token=\"hidden\"}",
            "Cannot use ROCKET_METRICS: metrics.token is a text of 6 characters. Set it to a text",
        ),
        (
            "ROCKET_IMAGES",
            "{secret=[\"hidden\"]}",
            "Cannot use ROCKET_IMAGES: images.secret is a list. Set it to a text",
        ),
        ("ROCKET_IMAGES", "{secret=\"hidden", "images is a text of 15 characters. Set it to a table of images.address"),
        (
            "ROCKET_PROXIES",
            "[\"nonsense\"]",
            "Cannot use ROCKET_PROXIES: proxies is [\"nonsense\"]. Set it to a list of addresses",
        ),
        ("ROCKET_PROXIES", "10.0.0.1", "proxies is \"10.0.0.1\". Set it to a list"),
        ("ROCKET_ACCESS_LOG", "loud", "access_log is \"loud\". Set it to \"combined\", \"json\" or \"off\""),
        ("ROCKET_ACESS_LOG", "off", "Cannot use ROCKET_ACESS_LOG: there is no key acess_log"),
        ("ROCKET_DATABASES", "{sarangbang={url=\"nonsense\"}}", "databases.sarangbang.url is a text of 8 characters"),
        (
            "ROCKET_DATABASES",
            "{sarangbang={url=\"mongodb://me:hid/den@host/x\"}}",
            "url is a text of 27 characters. Set it to",
        ),
        (
            "ROCKET_DATABASES",
            "{sarangbang={url=\"mongodb://me:hidden@host/x?w=-2\"}}",
            "Cannot use ROCKET_DATABASES: databases.sarangb",
        ),
        (
            "ROCKET_DATABASES",
            "mongodb://me:hidden@host/x",
            "databases is a text of 26 characters. Set it to a table of",
        ),
        (
            "ROCKET_DATABASES",
            "{sarangbang={url=\"mongodb://h\", connect_timeout=\"long\"}}",
            "databases.sarangbang.connect_timeout is \"long\". Set it to a number of seconds",
        ),
        (
            "ROCKET_DATABASES",
            "{sarangbang={url=\"mongodb://h\", connect_timeout=-1}}",
            "databases.sarangbang.connect_timeout is -1. Set it to a number of seconds",
        ),
        (
            "ROCKET_DATABASES",
            "{sarangbang={url=\"mongodb://h/?maxPoolSize=5\", min_connections=6}}",
            "databases.sarangbang.min_connections is 6. Set it to a number of connections",
        ),
        (
            "ROCKET_DATABASES",
            "{sarangbang={url=\"mongodb://h\", extensions=[]}}",
            "there is no key databases.sarangbang.e",
        ),
        ("ROCKET_RATES", "{chats=\"x\"}", "Cannot use ROCKET_RATES: rates.chats is \"x\". Set it to a number a minute"),
        ("ROCKET_DATABASES", "{sarangbang={}}", "databases.sarangbang.url is not set. Set it to a connection"),
        (
            "ROCKET_DATABASES",
            "{other={url=\"mongodb://h\"}}",
            "there is no key databases.other. Use one of databases.sarangbang",
        ),
    ] {
        let error = check(Some((variable, value))).await;
        assert!(error.contains(told), "{variable}={value}: {error}");
        assert!(!error.contains("hid"), "{variable}={value}: {error}");
    }
    for (settings, told) in [
        ("[default]\nsite.ulr = \"x\"", "Rocket.toml: there is no key site.ulr. Use one of site.url"),
        ("[default]\nkeep_alive = \"x\"", "Rocket.toml: keep_alive is \"x\". Set it to a number of seconds"),
        ("[default]\nimages.secret = \"hidden\n", "Rocket.toml: TOML parse error at line 2, column"),
        ("secret = \"hidden\"", "Move this key below [default]"),
        ("\u{0}", "Rocket.toml: TOML parse error at line 1"),
    ] {
        std::fs::write(var.join("Rocket.toml"), settings).unwrap();
        let error = check(None).await;
        assert!(error.contains(told), "{settings}: {error}");
        assert!(!error.contains("hid"), "{settings}: {error}");
    }
    std::fs::write(var.join("Rocket.toml"), [0xff]).unwrap();
    assert!(check(None).await.contains("Rocket.toml: stream did not contain valid UTF-8"));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_what_the_configuration_leads_to_and_what_is_wrong_with_it() {
    let var = folder("checked");
    let port = free_port();
    let mut both = command(&var);
    both.env("ROCKET_IMAGES", format!("{{port={port}}}"));
    let _program = Process::run(both).await;
    let check = async |variables: &[(&str, &str)]| {
        let mut command = command(&var);
        command.arg("check").env("ROCKET_IMAGES", format!("{{port={port}}}")).envs(variables.iter().copied());
        let output = soon("the program to end", command.output()).await.unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), said(&output.stdout), said(&output.stderr))
    };
    until("the image server to answer", || async {
        let (is_right, said, _) = check(&[]).await;
        (is_right && said.contains("The image server answers") && said.contains("starts ")).then_some(())
    })
    .await;
    let database = new_database();
    let database = format!("{{sarangbang={{url=\"{database}\"}}}}");
    let (is_right, said, _) = check(&[("ROCKET_DATABASES", &database)]).await;
    assert!(is_right && said.contains("The database answers"), "{said}");
    let nobody = format!("{{sarangbang={{url=\"mongodb://127.0.0.1:{}/x\"}}}}", free_port());
    let (is_right, _, wrong) = check(&[("ROCKET_DATABASES", &nobody)]).await;
    assert!(!is_right && wrong.contains("Cannot reach the database"), "{wrong}");
    let (is_right, _, wrong) = check(&[("ROCKET_SITE", "{url=\"https://chat.example\"}")]).await;
    assert!(!is_right && wrong.contains("proxies is empty"), "{wrong}");
    let (is_right, _, wrong) = check(&[("ROCKET_ACCESS_LOG", "loud")]).await;
    assert!(!is_right && wrong.contains("access_log is \"loud\". Set it to"), "{wrong}");
    let away = format!("{{port={}}}", free_port());
    let (is_right, _, wrong) = check(&[("ROCKET_IMAGES", &away)]).await;
    assert!(!is_right && wrong.contains("Cannot reach the image server"), "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_that_the_clock_of_the_image_server_is_wrong() {
    let var = folder("clocks");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (date, dates) = watch::channel(String::new());
    // No test can set the clock of a process, so this server has a wrong `Date` only.
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let date = dates.borrow().clone();
            let answer = format!("HTTP/1.1 200 OK\r\n{date}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let check = async |line: String| {
        date.send(line).unwrap();
        let mut command = command(&var);
        command.arg("check").env("ROCKET_IMAGES", format!("{{port={port}}}"));
        let output = soon("the program to end", command.output()).await.unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let off_by = |seconds: i64| {
        let time = Timestamp::now().checked_add(SignedDuration::from_secs(seconds)).unwrap();
        format!("Date: {}\r\n", time.strftime("%a, %d %b %Y %H:%M:%S GMT"))
    };
    for (line, is_wrong) in [
        (off_by(0), false),
        (off_by(60), false),
        (off_by(3_600), true),
        (off_by(-3_600), true),
        (String::new(), false),
        ("Date: yesterday\r\n".into(), false),
    ] {
        let said = check(line.clone()).await;
        assert_eq!(
            (said.contains(" s apart"), said.contains("image server answers")),
            (is_wrong, !is_wrong),
            "{line}: {said}"
        );
    }
    server.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_knows_by_every_spelling_whether_a_database_is_configured() {
    let var = folder("spellings");
    let needs_engine = async |settings: &str| {
        std::fs::write(var.join("Rocket.toml"), settings).unwrap();
        let status = command(&var).arg("needs-engine").status().await.unwrap();
        status.code().unwrap() == 0
    };
    let url = "url = \"mongodb://127.0.0.1/x\"";
    for configured in [
        format!("[default.databases.sarangbang]\n{url}"),
        format!("[default.databases]\nsarangbang = {{ {url} }}"),
        format!("[default]\n  databases = {{ sarangbang = {{ {url} }} }}"),
        format!("[global]\ndatabases.sarangbang.{url}"),
    ] {
        assert!(!needs_engine(&configured).await, "{configured}");
    }
    for other in [String::new(), format!("[elsewhere.databases.sarangbang]\n{url}"), "# databases".into()] {
        assert!(needs_engine(&other).await, "{other}");
    }
    let by_variable = format!("{{sarangbang={{{url}}}}}");
    let status = command(&var).arg("needs-engine").env("ROCKET_DATABASES", by_variable).status().await.unwrap();
    assert_eq!(status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_are_logged_as_they_open_and_close_with_the_address_that_a_proxy_saw() {
    let var = folder("logged");
    let mut command = command(&var);
    command.env("ROCKET_PROXIES", "[\"127.0.0.1\"]").stderr(Stdio::piped());
    let mut program = Process::run(command).await;
    let mut lines = BufReader::new(program.child.stderr.take().unwrap()).lines();
    let person = Person::new(&program.address);
    person.sign_up("gildong").await;
    let room = person.make_room("logged").await;
    drop(person.handshake_from(&room, "?since=0", "X-Forwarded-For: 203.0.113.9\r\n").await);
    for what in ["socket open", "socket closed"] {
        let line = soon(what, async {
            loop {
                let line = lines.next_line().await.unwrap().unwrap();
                if line.contains(what) {
                    return line;
                }
            }
        })
        .await;
        assert!(line.contains(room.strip_prefix("/room/").unwrap()) && line.contains("203.0.113.9"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_has_a_line_with_its_number_and_no_line_has_a_secret() {
    for form in ["combined", "json"] {
        let var = folder(&format!("access-{form}"));
        let mut command = command(&var);
        command.env("ROCKET_ACCESS_LOG", form).env("ROCKET_PROXIES", "[\"127.0.0.1\"]").stderr(Stdio::piped());
        let mut program = Process::run(command).await;
        let mut lines = BufReader::new(program.child.stderr.take().unwrap()).lines();
        let person = Person::new(&program.address);
        person.sign_up("gildong").await;
        let room = person.make_room("logged").await;
        let asked = person.request("POST", &format!("{room}/chat")).header("User-Agent", "a \"bot\"\u{e9}");
        let said = asked.header("X-Request-Id", "from-the-proxy").form(&[("text", "secret words"), ("nonce", "n")]);
        assert_eq!(said.send().await.unwrap().headers()["x-request-id"], "from-the-proxy");
        let missing = person.get("/room/nowhere?a=%22b").await;
        let shown = text_of(&missing.body, ".error code").unwrap();

        let mut log = Vec::new();
        soon("the line of the page that is not there", async {
            while !log.last().is_some_and(|line: &String| line.contains("/room/nowhere")) {
                log.push(lines.next_line().await.unwrap().unwrap());
            }
        })
        .await;
        let [said, missing] = ["from-the-proxy", &shown].map(|id| log.iter().find(|line| line.contains(id)).unwrap());
        if form == "json" {
            let said: serde_json::Value = serde_json::from_str(said).unwrap();
            assert_eq!((&said["method"], &said["status"]), (&"POST".into(), &303.into()));
            assert_eq!(
                (&said["path"], said["user"].as_str().map(str::len)),
                (&format!("{room}/chat").into(), Some(24))
            );
            assert_eq!(serde_json::from_str::<serde_json::Value>(missing).unwrap()["status"], 404);
        } else {
            assert!(said.starts_with("127.0.0.1 - ") && said.contains(&format!("\"POST {room}/chat HTTP/1.1\" 303 ")));
            assert!(missing.contains("\"GET /room/nowhere?a=%22b HTTP/1.1\" 404 "), "{missing}");
        }
        let cookie = person.cookie().unwrap();
        let token = cookie.to_str().unwrap().split_once('=').unwrap().1;
        for secret in [PASSWORD, "secret words", token] {
            assert!(log.iter().all(|line| !line.contains(secret)), "{secret}");
        }
    }
}
