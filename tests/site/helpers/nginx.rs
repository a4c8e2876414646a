//! nginx between people and a site.

use std::path::Path;
use std::process::Stdio;

use tokio::process::{Child, Command};

use super::eventually;
use super::images::free_port;

/// A running nginx.
pub struct Nginx {
    /// As `http://127.0.0.1:40000`.
    pub address: String,
    _child: Child,
}

impl Nginx {
    /// nginx before a site, with some lines of configuration, and otherwise as it is delivered.
    pub async fn before(site: &str, lines: &str, folder: &Path) -> Self {
        let (here, port) = (folder.display(), free_port());
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("{what}_temp_path {here}/{what};\n"))
            .concat();
        let configuration = format!(
            "daemon off;\nmaster_process off;\npid {here}/pid;\nerror_log {here}/error.log;\nevents {{}}\nhttp {{\n\
             access_log off;\n{temporary}server {{\nlisten 127.0.0.1:{port};\nlocation / {{\nproxy_pass {site};\n\
             proxy_set_header Host $http_host;\n{lines}\n}}\n}}\n}}\n"
        );
        let path = folder.join("nginx.conf");
        std::fs::write(&path, configuration).unwrap();
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-c").arg(path).arg("-e").arg(folder.join("error.log")).kill_on_drop(true);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("nginx is installed by bin/test");
        let address = format!("http://127.0.0.1:{port}");
        eventually("nginx to answer", || async { reqwest::get(format!("{address}/alive")).await.ok() }).await;
        Self { address, _child: child }
    }
}
