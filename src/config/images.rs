//! `images`: where the image server listens, where others reach it, and where it stores pictures.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rocket::figment::Figment;
use url::Url;

use super::{listener, loopback_url, optional, url};

#[derive(Clone, Debug)]
pub(crate) struct ImagesConfig {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) url: Option<Url>,
    pub(crate) internal_url: Url,
    pub(crate) dir: PathBuf,
    pub(crate) secret: Option<String>,
}

impl ImagesConfig {
    pub(super) fn read(figment: &Figment, var: &Path) -> Result<Self> {
        let (address, port) = listener(figment, "images.")?;
        Ok(Self {
            address,
            port,
            url: url(figment, "images.url")?,
            internal_url: match url(figment, "images.internal_url")? {
                Some(url) => url,
                None => loopback_url((address, port))?,
            },
            dir: optional(figment, "images.dir")?.unwrap_or_else(|| var.join("images")),
            secret: optional(figment, "images.secret")?,
        })
    }
}
