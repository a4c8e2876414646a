//! `sarangbang check`: tests what the configuration leads to, and changes nothing.

use anyhow::{Error, Result, anyhow, bail};
use ipnet::IpNet;
use jiff::Timestamp;

use crate::config::Settings;
use crate::http::unlisted_proxies;
use crate::internal_api::{ImageClient, Space};
use crate::process::Engine;
use crate::store::Database;
use crate::ticket::Secret;

/// A sentence about what works, or an error.
pub type CheckResult = Result<String>;

/// Seconds by which the clocks of the two servers may differ. A ticket is valid for 600.
const MAX_CLOCK_DIFFERENCE: u64 = 120;

/// Checks the database, the image server and the addresses.
pub async fn check(settings: &Settings) -> Vec<CheckResult> {
    let mut results = vec![check_database(settings).await, check_images(settings).await, check_addresses(settings)];
    results.extend(describe_networks(settings).map(Ok));
    results.extend(unlisted_proxies(&settings.var).into_iter().map(|notice| Err(Error::msg(notice))));
    results
}

async fn check_database(settings: &Settings) -> CheckResult {
    let Some(database) = &settings.database else {
        let program = Engine::program(&settings.var)?;
        return Ok(format!(
            "No database is configured: the site starts {} on the data in {}.",
            program.display(),
            settings.var.display()
        ));
    };
    let is_shared = Database::probe_configured(database).await.map_err(Error::msg)?;
    Ok(if is_shared {
        "The database answers. Several sites may share it.".into()
    } else {
        "The database answers. It is a standalone server: one site at a time.".into()
    })
}

async fn check_images(settings: &Settings) -> CheckResult {
    let url = &settings.images.internal_url;
    // The health check carries no ticket, so a missing secret need not be created.
    let secret = Secret::from_config(settings.images.secret.as_deref().unwrap_or("no ticket is signed"))?;
    let server = ImageClient::new(url.clone(), secret)?;
    let Some(space) = server.space().await else {
        bail!(
            "Cannot reach the image server at {url}: no answer. Run `sarangbang`, which starts one, or run `sarangbang \
             images`, or set images.internal_url."
        );
    };
    if space == Space::Low {
        bail!(
            "Cannot store files: less than {} % of the disk of the image server at {url} is free. Free some space, or \
             lower files.min_free_percent.",
            settings.files.min_free_percent
        );
    }
    match server.clock().await.and_then(clock_difference) {
        Some(seconds) => bail!(
            "Cannot trust the clocks of this machine and of the image server at {url}: they are {seconds} s apart, and \
             tickets expire too early or too late. Set both clocks, for example by NTP."
        ),
        None => Ok(format!("The image server answers at {url}.")),
    }
}

/// Returns the seconds by which a clock differs from this machine's, if these are more than [`MAX_CLOCK_DIFFERENCE`].
fn clock_difference(clock: Timestamp) -> Option<u64> {
    let seconds = Timestamp::now().as_second().abs_diff(clock.as_second());
    (seconds > MAX_CLOCK_DIFFERENCE).then_some(seconds)
}

fn check_addresses(settings: &Settings) -> CheckResult {
    match &settings.site.url {
        None if !settings.proxies.is_empty() => Err(anyhow!(
            "Cannot accept forms behind a proxy that changes the port or the scheme: proxies is set and site.url is not. \
             Set site.url to the URL that people type, for example \"https://chat.example\"."
        )),
        None if settings.site.hosts.is_empty() => {
            Ok("site.url and site.hosts are not set: the site answers at IP addresses and localhost only.".into())
        }
        None => Ok("site.url is not set: the site answers at IP addresses, localhost and site.hosts.".into()),
        Some(url) if url.scheme() == "https" && settings.proxies.is_empty() => Err(anyhow!(
            "Cannot tell clients apart: site.url is {url}, and proxies is empty, so all clients have the address of the \
             proxy. Set proxies, for example to [\"127.0.0.1\"]."
        )),
        Some(url) => Ok(format!("People reach the site at {url}.")),
    }
}

fn describe_networks(settings: &Settings) -> Option<String> {
    let is_network = |proxy: &&IpNet| proxy.prefix_len() < proxy.max_prefix_len();
    let networks: Vec<String> = settings.proxies.iter().filter(is_network).map(ToString::to_string).collect();
    (!networks.is_empty()).then(|| {
        format!(
            "proxies contains {}: each machine in such a network counts as a proxy and may name any address as its client. \
             If people use that network, list the addresses of the proxies instead.",
            networks.join(", ")
        )
    })
}
