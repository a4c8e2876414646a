//! One's own account.

use futures_util::future::join_all;
use sarangbang::models::User;
use sarangbang::models::user::{Profile, Theme};
use sarangbang::models::values::{Login, Nickname, Password};

use crate::helpers::page::{attribute_of, text_of};
use crate::helpers::person::{Answer, PASSWORD};
use crate::helpers::site::{Site, new_database};

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_nickname_shows_on_every_page_live_chats_included() {
    let site = Site::start().await;
    let (gildong, chunhyang) = (site.person("gildong").await, site.person("chunhyang").await);
    let room = gildong.make_room("names").await;
    let mut hers = chunhyang.follow(&room, 0).await;
    gildong.say(&room, "before").await;
    assert!(hers.fragment().await.contains("gildong"));

    let changed = gildong.post("/user/me", &[("_method", "put"), ("userNickname", "새 이름")]).await;
    assert_eq!((changed.status, changed.location.as_deref()), (303, Some("/user/me?done=profile")));
    let saved = gildong.get("/user/me?done=profile").await.body;
    assert_eq!(text_of(&saved, "section:has(#profile) > .notice").as_deref(), Some("Nickname saved."));
    let changed = gildong.post("/user/me", &[("_method", "put"), ("theme", "dark")]).await;
    assert_eq!(changed.location.as_deref(), Some("/user/me?done=preferences#preferences-title"));
    let saved = gildong.get("/user/me?done=preferences").await.body;
    assert!(text_of(&saved, "section:has(#preferences) > .notice").is_some(), "a notice stands beside its cause");
    assert_eq!(chunhyang.open(&room).await.chats[&1].nickname, "새 이름");
    assert!(chunhyang.ask_since(&room, 0).await.body.contains("새 이름"));
    gildong.say(&room, "after").await;
    assert!(hers.fragment().await.contains("새 이름"));

    let refused = gildong.post("/user/me", &[("_method", "put"), ("userNickname", "\u{200b}")]).await;
    assert_eq!((refused.status, refused.fault("userNickname").is_some()), (422, true));
    assert_eq!(gildong.open(&room).await.chats[&1].nickname, "새 이름");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chosen_language_goes_before_the_browsers() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let language = || async {
        let page = Answer::read(person.request("GET", "/room").header("Accept-Language", "en")).await;
        attribute_of(&page.body, "html", "lang").unwrap()
    };
    assert_eq!(language().await, "en");
    person.post("/user/me", &[("_method", "put"), ("locale", "ko")]).await;
    assert_eq!(language().await, "ko");
    assert!(person.get("/user/me").await.body.contains("<option value=\"ko\" lang=\"ko\" selected>"));
    assert_eq!(person.post("/user/me", &[("_method", "put"), ("locale", "xx")]).await.status, 422);
    assert_eq!(language().await, "ko");
    person.post("/user/me", &[("_method", "put"), ("locale", "")]).await;
    assert_eq!(language().await, "en");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_profile_keeps_fields_that_were_changed_meanwhile() {
    let db = sarangbang::models::open(&new_database()).await.unwrap();
    let nickname = |text| Nickname::parse(text).unwrap();
    let login = Login::parse("gildong").unwrap();
    let user = User::sign_up(&db, login, Password::parse("password").unwrap(), nickname("old")).await.unwrap();
    // All changes begin with the user as they signed up.
    let looks = Profile { locale: Some(Some("ko")), theme: Some(Some(Theme::Dark)), ..Profile::default() };
    let named = Profile { nickname: Some(nickname("new")), ..Profile::default() };
    let plain = Profile { theme: Some(None), ..Profile::default() };
    for (profile, is_renamed) in [(&looks, false), (&named, true), (&plain, false), (&named, false)] {
        assert_eq!(user.update_profile(&db, profile).await.unwrap(), is_renamed, "{profile:?}");
    }
    assert!(!user.update_profile(&db, &Profile::default()).await.unwrap());
    let user = User::find(&db, user.id).await.unwrap();
    assert_eq!((user.nickname.as_str(), user.locale.as_deref(), user.theme), ("new", Some("ko"), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_asks_for_the_old_one_and_ends_every_other_session() {
    let site = Site::start().await;
    let here = site.person("gildong").await;
    let room = here.make_room("sessions").await;
    let there = site.visitor();
    there.sign_in("gildong", PASSWORD).await;
    let (mut his, mut other) = (here.follow(&room, 0).await, there.follow(&room, 0).await);

    let change = |old, new| [("_method", "put"), ("oldPassword", old), ("userPassword", new)];
    let wrong = here.post("/user/me", &change("wrong password", "a new password")).await;
    assert_eq!((wrong.status, wrong.fault("oldPassword").is_some()), (422, true));
    let short = here.post("/user/me", &change(PASSWORD, "short")).await;
    assert_eq!((short.status, short.fault("userPassword").is_some()), (422, true));
    assert!(!short.body.contains("short\""), "a password is never shown again");
    assert_eq!(there.get("/room").await.status, 200);

    assert_eq!(here.post("/user/me", &change(PASSWORD, "a new password")).await.status, 303);
    assert_eq!(other.close_code().await, Some(4401));
    assert_eq!(there.ask_since(&room, 0).await.status, 401);
    here.say(&room, "still here").await;
    assert!(his.fragment().await.contains("still here"));
    assert_eq!(site.visitor().sign_in("gildong", PASSWORD).await.status, 422);
    assert_eq!(site.visitor().sign_in("gildong", "a new password").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_new_passwords_at_once_one_stands() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let change = |new: usize| {
        let person = &person;
        async move {
            let new = format!("new password {new}");
            let form = [("_method", "put"), ("oldPassword", PASSWORD), ("userPassword", &new)];
            (person.post("/user/me", &form).await.status == 303).then_some(new)
        }
    };
    let changed: Vec<_> = join_all((0..4).map(change)).await.into_iter().flatten().collect();
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert_eq!(site.visitor().sign_in("gildong", &changed[0]).await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_and_ended_one_by_one_or_all() {
    let site = Site::start().await;
    let person = site.person("gildong").await;
    let stranger = site.person("stranger").await;
    let others = [site.visitor(), site.visitor(), site.visitor()];
    for other in &others {
        other.sign_in("gildong", PASSWORD).await;
    }
    let room = person.make_room("ends").await;
    let mut sockets = Vec::new();
    for other in &others {
        sockets.push(other.follow(&room, 0).await);
    }
    let page = person.get("/user/me").await.body;
    assert_eq!(page.matches("/user/me/session/").count(), 3, "all but this one");
    devices_are_named(&site).await;
    let end = attribute_of(&page, "#sessions form", "action").unwrap();
    assert_eq!(stranger.post(&end, &[("_method", "delete")]).await.status, 404, "not one's own");
    assert_eq!(person.post(&end, &[("_method", "delete")]).await.status, 303);
    let signed_in = || async {
        let mut statuses = Vec::new();
        for other in &others {
            statuses.push(other.get("/user/me").await.status);
        }
        statuses.iter().filter(|status| **status == 200).count()
    };
    assert_eq!(signed_in().await, 2);
    let noticed = person.get("/user/me?done=sessions").await.body;
    assert_eq!(text_of(&noticed, "section:has(#sessions) > .notice").as_deref(), Some("Signed out there."));
    assert!(text_of(&noticed, "details:has(#end-sessions) > summary").is_some(), "ending all asks first");
    assert_eq!(person.post("/user/me/session", &[("_method", "delete")]).await.status, 303);
    assert_eq!(signed_in().await, 0);
    for mut socket in sockets {
        assert_eq!(socket.close_code().await, Some(4401));
    }
    assert_eq!(person.get("/user/me").await.status, 200);
}

/// A device is its browser and its system, where its zone says it is; what a browser sends wrong is left out.
async fn devices_are_named(site: &Site) {
    let chrome =
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";
    let signs_in = async |agent: &'static str, zone: &'static str| {
        let visitor = site.visitor();
        let form = [("userId", "gildong"), ("userPassword", PASSWORD), ("zone", zone)];
        let request = visitor.request("POST", "/session").header("User-Agent", agent).form(&form);
        assert_eq!(Answer::read(request).await.status, 303);
        visitor
    };
    for (agent, zone, english, korean, city) in [
        (chrome, "Asia/Seoul", "Chrome on Linux", "Linux의 Chrome", ["Seoul time", "서울 시간"]),
        (chrome, "America/Sao_Paulo", "Chrome on Linux", "Linux의 Chrome", ["Sao Paulo time", "Sao Paulo 시간"]),
        ("curl/8.5.0", "<b>/Seoul", "curl", "curl", ["", ""]),
        ("", "", "Unknown browser", "알 수 없는 브라우저", ["", ""]),
    ] {
        let visitor = signs_in(agent, zone).await;
        for (language, name, city) in [("en", english, city[0]), ("ko", korean, city[1])] {
            let page = Answer::read(visitor.request("GET", "/user/me").header("Accept-Language", language)).await.body;
            // The session that is used is the current one.
            let own = page.split("<li>").find(|item| item.contains("<strong>")).unwrap();
            assert_eq!(text_of(own, ".browser").as_deref().map(str::trim), Some(name));
            assert_eq!(attribute_of(own, ".browser", "title").as_deref(), Some(agent));
            let hint = text_of(own, ".hint").unwrap();
            assert!(
                hint.starts_with(city) && hint.matches('·').count() == if city.is_empty() { 1 } else { 2 },
                "{hint}"
            );
        }
        assert_eq!(visitor.post("/session", &[("_method", "delete")]).await.status, 303);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_is_a_deleted_user_and_the_next_one_is_no_admin() {
    let site = Site::start().await;
    let (first, guest) = (site.person("gildong").await, site.person("guest").await);
    let room = first.make_room("farewell").await;
    let author = first.say(&room, "remember me").await["author"].as_str().unwrap().to_owned();
    guest.say(&room, "and me").await;
    let mut live = first.follow(&room, 0).await;
    let leave = |password| [("_method", "delete"), ("userPassword", password)];
    let wrong = first.post("/user/me", &leave("wrong password")).await;
    assert_eq!((wrong.status, wrong.fault("userPassword").is_some()), (422, true));

    let left = first.post("/user/me", &leave(PASSWORD)).await;
    assert_eq!((left.status, left.location.as_deref()), (303, Some("/user")));
    let door = async || text_of(&first.get("/user").await.body, ".notice");
    assert_eq!((door().await.as_deref(), door().await), (Some("Your account was deleted."), None), "it is said once");
    assert_eq!(live.close_code().await, Some(4401));
    assert_eq!(site.visitor().sign_in("gildong", PASSWORD).await.status, 422);
    let page = guest.open(&room).await;
    assert_eq!((page.chats[&1].nickname.as_str(), page.chats[&1].text.as_str()), ("deleted user", "remember me"));
    let card = guest.get(&format!("/user/{author}")).await;
    assert_eq!((card.status, text_of(&card.body, ".person h1").as_deref()), (404, Some("deleted user")));
    assert!(!guest.get(&format!("/user/{author}/image")).await.body.contains("<text"), "a silhouette has no letter");
    let form = [("userId", "second"), ("userPassword", PASSWORD), ("userNickname", "second")];
    assert_eq!(site.visitor().post_for_json("/user", &form).await.json()["admin"], false);
    // The id is free again.
    assert_eq!(site.visitor().sign_up("gildong").await.status, 303);

    assert_eq!(guest.post("/user/me", &leave(PASSWORD)).await.status, 303);
    site.person("guest").await;
}
