//! Ending sessions: one write ends them, whatever becomes of the rest.

use mongodb::Client;
use mongodb::bson::{Document, doc};

use crate::helpers::eventually;
use crate::helpers::pausing_proxy::PausingProxy;
use crate::helpers::person::{PASSWORD, Person};
use crate::helpers::site::{Site, new_database};

const NEW_PASSWORD: &str = "another password";

async fn change_password(person: &Person) -> u16 {
    let form = [("_method", "put"), ("oldPassword", PASSWORD), ("userPassword", NEW_PASSWORD)];
    person.post("/user/me", &form).await.status
}

/// The owner of an account, and somebody else who is signed in to it.
async fn owner_and_thief(site: &Site) -> (Person, Person) {
    let owner = site.person("gildong").await;
    let thief = site.visitor();
    assert_eq!(thief.sign_in("gildong", PASSWORD).await.status, 303);
    assert_eq!(thief.get("/user/me").await.status, 200);
    (owner, thief)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_change_whose_answer_is_lost_ends_other_sessions_and_can_be_repeated() {
    let database = new_database();
    // The answer to the first update: that of the password.
    let pausing_proxy = PausingProxy::in_front_of(&database, ["nModified", "nModified"]).await;
    let site = Site::on(&pausing_proxy.database).await;
    let (owner, thief) = owner_and_thief(&site).await;
    let (status, ()) = tokio::join!(change_password(&owner), pausing_proxy.wait_until_paused());
    assert_eq!(status, 503);
    pausing_proxy.resume();

    assert_eq!(thief.get_json("/user/me").await.status, 401);
    assert_eq!(change_password(&owner).await, 303, "the owner may send the form again");
    assert_eq!(owner.get("/user/me").await.status, 200);
    assert_eq!(site.visitor().sign_in("gildong", PASSWORD).await.status, 422);
    assert_eq!(site.visitor().sign_in("gildong", NEW_PASSWORD).await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_holds_although_nothing_was_cleaned_up_and_closes_sockets() {
    let site = Site::start().await;
    let (owner, thief) = owner_and_thief(&site).await;
    let room = owner.make_room("revoked").await;
    let (mut his, mut hers) = (owner.follow(&room, 0).await, thief.follow(&room, 0).await);
    hers.element("presence", |_| true).await;

    // As a process leaves it that dies right after its one write.
    let data = Client::with_uri_str(&site.database).await.unwrap().default_database().unwrap();
    let sessions = data.collection::<Document>("session");
    let owners = sessions.find_one(doc! {}).sort(doc! { "at": 1 }).await.unwrap().unwrap();
    let revoked = doc! { "$inc": { "epoch": 1_i64 }, "$set": { "exempt": owners.get_str("_id").unwrap() } };
    data.collection::<Document>("user").update_one(doc! {}, revoked).await.unwrap();

    assert_eq!(hers.close_code().await, Some(4401));
    let thief = &thief;
    eventually("the session to have ended", || async move {
        (thief.get_json("/user/me").await.status == 401).then_some(())
    })
    .await;
    assert_eq!(sessions.count_documents(doc! {}).await.unwrap(), 2, "both are stored still");
    owner.say(&room, "still here").await;
    assert!(his.fragment().await.contains("still here"));
    assert!(!owner.get("/user/me").await.body.contains("id=\"end-sessions\""), "no other session is listed");
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_all_others_twice_in_turn_leaves_the_last_one() {
    let site = Site::start().await;
    let (owner, other) = owner_and_thief(&site).await;
    assert_eq!(owner.post("/user/me/session", &[("_method", "delete")]).await.status, 303);
    assert_eq!(other.get_json("/user/me").await.status, 401);
    let other = site.visitor();
    other.sign_in("gildong", PASSWORD).await;
    assert_eq!(other.post("/user/me/session", &[("_method", "delete")]).await.status, 303);
    assert_eq!(owner.get_json("/user/me").await.status, 401);
    assert_eq!(other.get("/user/me").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_account_ends_its_sessions_with_the_same_write() {
    let site = Site::start().await;
    let (owner, thief) = owner_and_thief(&site).await;
    let data = Client::with_uri_str(&site.database).await.unwrap().default_database().unwrap();
    data.collection::<Document>("user").delete_one(doc! {}).await.unwrap();
    for person in [&owner, &thief] {
        eventually("the session to have ended", || async move {
            (person.get_json("/user/me").await.status == 401).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ended_all_others_guesses_the_password_no_oftener_than_anybody() {
    let site = Site::start().await;
    let (_, thief) = owner_and_thief(&site).await;
    assert_eq!(thief.post("/user/me/session", &[("_method", "delete")]).await.status, 303);
    let guess = async |password: &str| {
        let form = [("_method", "put"), ("oldPassword", "does not matter"), ("userPassword", password)];
        thief.post("/user/me", &form).await.status
    };
    for n in 0..10 {
        assert_eq!(guess(&format!("wrong password {n}")).await, 422);
    }
    assert_eq!(guess(PASSWORD).await, 429, "the right one is not told apart any more");
}
