//! `sarangbang check`: looks at what the configuration leads to, changes nothing, and says in plain words what is wrong.

use ipnet::IpNet;
use jiff::Timestamp;

use crate::config::Settings;
use crate::http::unlisted_proxies;
use crate::internal_api::ImageClient;
use crate::process::Engine;
use crate::store::Database;
use crate::ticket::Secret;

/// What was looked at: a sentence, or what is wrong with it.
pub type Finding = Result<String, String>;

/// How many seconds the clocks of the two servers may differ. A ticket is good for 600.
const CLOCKS: u64 = 120;

/// Looks at the database, the folders and the image server.
pub async fn check(settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![database(settings).await, images(settings).await, addresses(settings)];
    findings.extend(networks(settings));
    findings.extend(unlisted_proxies(&settings.var).into_iter().map(Err));
    findings
}

async fn database(settings: &Settings) -> Finding {
    let Some(database) = &settings.database else {
        let program = Engine::program(&settings.var)?;
        return Ok(format!(
            "No database is configured: the site starts {} on the data in {}.",
            program.display(),
            settings.var.display()
        ));
    };
    Ok(match Database::probe(&database.url).await? {
        true => "The database answers. Several sites may share it.".into(),
        false => "The database answers. It is a standalone server: one site at a time.".into(),
    })
}

async fn images(settings: &Settings) -> Finding {
    let address = &settings.images.internal_url;
    // A look needs no ticket: where no secret is configured none is made for it.
    let secret = Secret::from_config(settings.images.secret.as_deref().unwrap_or("nothing is signed with this"))?;
    let peer = ImageClient::new(address.clone(), secret)?;
    match peer.is_healthy().await {
        true => match peer.clock().await.and_then(difference) {
            Some(seconds) => Err(format!(
                "The clocks of this machine and of the image server at {address} are {seconds} s apart. Each server \
                 refuses tickets of the other one that have expired by its own clock. Set both clocks, for example by NTP."
            )),
            None => Ok(format!("The image server answers at {address}.")),
        },
        false => Err(format!(
            "No image server answers at {address}. `sarangbang` starts one; else start `sarangbang images`, or set \
             images.internal_url."
        )),
    }
}

/// Returns how many seconds a clock differs from the one of this machine, if these are more than [`CLOCKS`].
fn difference(clock: Timestamp) -> Option<u64> {
    let seconds = Timestamp::now().as_second().abs_diff(clock.as_second());
    (seconds > CLOCKS).then_some(seconds)
}

fn addresses(settings: &Settings) -> Finding {
    match &settings.site.url {
        None if !settings.proxies.is_empty() => Err(
            "proxies is set and site.url is not: behind a proxy that changes the port or the scheme every form is refused. \
             Set site.url to the address that people type, as \"https://chat.example\"."
                .into(),
        ),
        None if settings.site.hosts.is_empty() => {
            Ok("site.url and site.hosts are not set: the site answers at IP addresses and localhost only.".into())
        }
        None => Ok("site.url is not set: the site answers at IP addresses, localhost and site.hosts.".into()),
        Some(url) if url.scheme() == "https" && settings.proxies.is_empty() => Err(format!(
            "site.url is {url}, and proxies is empty: behind a proxy everybody seems to come from its address. Set \
             proxies, as [\"127.0.0.1\"]."
        )),
        Some(url) => Ok(format!("People reach the site at {url}.")),
    }
}

/// A network among the proxies is right only if no client is in it.
fn networks(settings: &Settings) -> Option<Finding> {
    let is_network = |proxy: &&IpNet| proxy.prefix_len() < proxy.max_prefix_len();
    let networks: Vec<String> = settings.proxies.iter().filter(is_network).map(ToString::to_string).collect();
    (!networks.is_empty()).then(|| {
        Ok(format!(
            "proxies has {}: every machine there counts as a proxy and may name any address as its client. Where people \
             are in that network, list the addresses of the proxies instead.",
            networks.join(", ")
        ))
    })
}
