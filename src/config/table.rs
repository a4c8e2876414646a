//! All settings: what each takes, its default and its documentation. A test makes README's table and
//! `packaging/Rocket.toml` from this file.

/// A setting of Sarangbang, or one of Rocket's own.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(test), expect(dead_code, reason = "the documentation is read by a test"))]
pub(super) struct Setting {
    pub(super) key: &'static str,
    /// Completes the sentence "Set it to …".
    pub(super) takes: &'static str,
    pub(super) default: DefaultValue,
    /// Empty for Rocket's own settings, which Rocket's guide documents.
    pub(super) doc: &'static str,
    /// Whether messages must not repeat the value.
    pub(super) is_secret: bool,
}

/// What applies while a setting is not set.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(test), expect(dead_code, reason = "the documentation is read by a test"))]
pub(super) enum DefaultValue {
    /// A value in TOML.
    Toml(&'static str),
    /// A rule in words, with an example in TOML.
    Rule { rule: &'static str, example: &'static str },
    /// Rocket's own default.
    Rocket,
}

use DefaultValue::{Rocket, Rule, Toml};

const IP: &str = "an IP address, for example \"127.0.0.1\"";
const PORT: &str = "a number up to 65535";
const URL: &str = "a URL without a path, for example \"https://chat.example\"";
/// A slash, a colon or an `@` would end the password.
const DATABASE_URL: &str = "a connection string, for example \"mongodb://user:password@host:27017/sarangbang\", with %2F, \
                            %3A and %40 for /, : and @ in a password";
const CONNECTIONS: &str = "a number of connections";
const SECONDS: &str = "a number of seconds";
const FOLDER: &str = "the path of a folder";
const SECRET: &str = "a text of 16 characters or more";
const RATE: &str = "a number a minute, or 0 for no limit";
const SOCKETS: &str = "a number of open sockets, or 0 for no limit";
const SIZE: &str = "a size, for example \"64KiB\"";
const FILE_SIZE: &str = "a size, for example \"25MiB\"";

#[rustfmt::skip]
pub(super) const SETTINGS: &[Setting] = &[
    setting("address", IP, Toml("\"127.0.0.1\""), "Address that the site listens on. Put a proxy with TLS in front of it."),
    setting("port", PORT, Toml("8000"), "Port that the site listens on."),
    setting("var", FOLDER, Toml("\"var\""), "Folder of the engine's data and log, and by default of the pictures. Each site needs its own."),
    setting("proxies", "a list of addresses and networks, for example [\"10.0.0.1\", \"10.0.0.0/8\"]",
        Rule { rule: "none", example: "[\"127.0.0.1\"]" },
        "Addresses and networks of proxies. The site believes their `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Request-Id`. No client may be in such a network."),
    setting("access_log", "\"combined\", \"json\" or \"off\"", Toml("\"combined\""),
        "One line a request: `combined` as Apache and nginx write it, then the request's id and milliseconds; `json`; or `off`."),
    setting("cache", "a size, for example \"32MiB\"", Toml("\"32MiB\""), "Maximum memory of all caches of the site together."),

    setting("databases.sarangbang.url", DATABASE_URL, Rule { rule: "none", example: "\"mongodb://127.0.0.1:27017/sarangbang\"" },
        "URL of a MongoDB server 4.4 or later, or of a replica set. Without it the site starts its own engine, for trials and small sites.").secret(),
    setting("databases.sarangbang.min_connections", CONNECTIONS, Rule { rule: "`minPoolSize` of the URL, else 0", example: "0" },
        "Connections that stay open without queries."),
    setting("databases.sarangbang.max_connections", CONNECTIONS, Rule { rule: "`maxPoolSize` of the URL, else 64", example: "64" },
        "Maximum number of open connections."),
    setting("databases.sarangbang.connect_timeout", SECONDS, Rule { rule: "`connectTimeoutMS` of the URL, else 1.5", example: "1.5" },
        "Seconds that opening a connection may take."),
    setting("databases.sarangbang.idle_timeout", SECONDS, Rule { rule: "`maxIdleTimeMS` of the URL, else none", example: "600" },
        "Seconds without queries after which a connection closes."),

    setting("site.url", URL, Rule { rule: "none", example: "\"https://chat.example\"" },
        "URL at which people reach the site, without a path. Without it the site answers at IP addresses, `localhost` and `site.hosts` only."),
    setting("site.hosts", "a list of host names, for example [\"chat.example\", \"chat.local:8000\"]",
        Rule { rule: "none", example: "[\"chat.local\"]" },
        "Host names, with or without a port, at which the site also answers while `site.url` is not set."),
    setting("site.zone", "the name of a time zone, for example \"Asia/Seoul\"", Rule { rule: "the system's, else UTC", example: "\"Asia/Seoul\"" },
        "Time zone of pages without JavaScript. Time zones are built in."),
    setting("site.internal_url", URL, Rule { rule: "`address` and `port`", example: "\"http://127.0.0.1:8000\"" },
        "URL at which the image server reaches the site."),

    setting("images.address", IP, Toml("\"127.0.0.1\""), "Address that the image server listens on."),
    setting("images.port", PORT, Toml("8001"), "Port that the image server listens on."),
    setting("images.url", URL, Rule { rule: "`images.port` at the host of the request", example: "\"https://chat.example\"" },
        "URL at which browsers reach the image server. Behind the same proxy it equals `site.url`."),
    setting("images.internal_url", URL, Rule { rule: "`images.address` and `images.port`", example: "\"http://127.0.0.1:8001\"" },
        "URL at which the site reaches the image server."),
    setting("images.dir", FOLDER, Rule { rule: "`images` in `var`", example: "\"/var/lib/sarangbang/images\"" },
        "Folder of the pictures. The systemd unit needs `ReadWritePaths=` for another folder: `systemctl edit sarangbang-images`."),
    setting("images.secret", "a text of 16 characters or more, the same for both servers",
        Rule { rule: "created at the first start, stored in `var`", example: "\"at least sixteen characters\"" },
        "Secret that the two servers share; at least 16 characters.").secret(),

    setting("files.picture_bytes", FILE_SIZE, Toml("\"25MiB\""), "Largest picture in a chat, as it is sent."),
    setting("files.file_bytes", FILE_SIZE, Toml("\"100MiB\""), "Largest other file in a chat."),
    setting("files.user_bytes", FILE_SIZE, Toml("\"2GiB\""), "What the files of one person may occupy together."),
    setting("files.min_free_percent", "a percentage up to 100", Toml("5"),
        "Share of the disk in percent that uploads leave free. With less free space the image server refuses them."),

    setting("metrics.token", SECRET, Rule { rule: "none", example: "\"at least sixteen characters\"" },
        "Bearer token for `/metrics` of both servers; at least 16 characters. Without it nobody may read them.").secret(),

    setting("rates.signups", RATE, Toml("120"), "Sign-ups a minute from one address; 0 means no limit."),
    setting("rates.rooms", RATE, Toml("120"), "Rooms that one person, or one address, may create a minute; 0 means no limit."),
    setting("rates.chats", RATE, Toml("6000"), "Chats that one person, or one address, may post a minute; 0 means no limit."),
    setting("rates.edits", RATE, Toml("600"), "Edits and removals a minute by one person, or from one address; 0 means no limit."),
    setting("rates.uploads", RATE, Toml("120"), "Uploads a minute by one person, or from one address; 0 means no limit."),
    setting("sockets.user", SOCKETS, Toml("1000"), "Open sockets of one person; 0 means no limit."),
    setting("sockets.address", SOCKETS, Toml("4000"), "Open sockets from one address; 0 means no limit."),

    setting("limits.form", SIZE, Toml("\"64KiB\""), "Largest form."),
    setting("shutdown.grace", SECONDS, Toml("2"), "Seconds in which open requests may end when the site stops."),
    setting("shutdown.mercy", SECONDS, Toml("1"), "Seconds after that until the site cuts them."),

    // The limits of other ways to send a form.
    rocket("limits.data-form", SIZE, Toml("\"64KiB\"")),
    rocket("limits.string", SIZE, Toml("\"64KiB\"")),
    rocket("limits", "sizes by name, for example {form=\"64KiB\"}", Rocket),
    rocket("workers", "a number, how many threads serve", Rocket),
    rocket("max_blocking", "a number, how many threads may block", Rocket),
    rocket("ident", "a name, or false", Toml("\"Sarangbang\"")),
    rocket("ip_header", "the name of a header, or false", Rocket),
    rocket("temp_dir", FOLDER, Rocket),
    rocket("keep_alive", SECONDS, Rocket),
    rocket("log_level", "\"critical\", \"normal\", \"debug\" or \"off\"", Toml("\"critical\"")),
    rocket("cli_colors", "true or false", Toml("false")),
    rocket("shutdown.ctrlc", "true or false", Rocket),
    rocket("shutdown.signals", "a list of \"alrm\", \"chld\", \"hup\", \"int\", \"io\", \"pipe\", \"quit\", \"term\", \"usr1\" and \"usr2\"", Rocket),
    rocket("shutdown.force", "true or false", Rocket),
    rocket("secret_key", "a key of 256 bits in base64 or hexadecimal", Rocket).secret(),
    rocket("profile", "the name of a section of Rocket.toml", Rocket),
];

const fn setting(key: &'static str, takes: &'static str, default: DefaultValue, doc: &'static str) -> Setting {
    Setting { key, takes, default, doc, is_secret: false }
}

const fn rocket(key: &'static str, takes: &'static str, default: DefaultValue) -> Setting {
    setting(key, takes, default, "")
}

impl Setting {
    const fn secret(self) -> Self {
        Self { is_secret: true, ..self }
    }
}
