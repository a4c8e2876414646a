//! `sarangbang`: reads the settings, runs the servers.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use env_logger::Env;
use log::LevelFilter;
use sarangbang::backup;
use sarangbang::config::Settings;
use sarangbang::controllers::ACCESS_LOG_TARGET;
use sarangbang::process::{print, print_error};
use sarangbang::site::{self, Servers};

const USAGE: &str = "\
sarangbang                runs the site and the image server, with a database engine when none is configured
sarangbang site           runs the site alone
sarangbang images         runs the image server alone
sarangbang backup DIR     saves users, rooms, chats and pictures in a new folder, also while the site runs
sarangbang restore DIR    restores them into an empty database
sarangbang check          says what the configuration leads to, and what is wrong with it
sarangbang wants-engine   says by its exit code whether it would start an engine: 0 yes, 1 no

Settings: Rocket.toml, then variables ROCKET_…; see README.md.";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => report(run(Servers::Both)),
        ["site"] => report(run(Servers::Site)),
        ["images"] => report(run(Servers::Images)),
        ["check"] => check(),
        ["backup", folder] => carry(|settings| rocket::async_main(backup::backup(settings, Path::new(folder)))),
        ["restore", folder] => carry(|settings| rocket::async_main(backup::restore(settings, Path::new(folder)))),
        ["wants-engine"] => match Settings::read() {
            Ok(settings) => ExitCode::from(u8::from(settings.database.is_some())),
            Err(error) => report(Err(error)),
        },
        ["help" | "--help" | "-h"] => {
            print(USAGE);
            ExitCode::SUCCESS
        }
        _ => {
            print_error(USAGE);
            ExitCode::from(2)
        }
    }
}

fn run(servers: Servers) -> Result<(), String> {
    start_logging();
    // Each socket is an open file, and the usual soft limit is 1,024. As many as the machine allows.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        log::warn!("the limit of open files stays as it is: {error}");
    }
    let settings = Settings::read()?;
    rocket::async_main(async {
        site::run(settings, servers, |address| print(&format!("Sarangbang is at {address}"))).await
    })
}

/// Carries data out or in, and says how much.
fn carry(work: impl FnOnce(&Settings) -> Result<String, String>) -> ExitCode {
    start_logging();
    let carried = Settings::read().and_then(|settings| work(&settings));
    report(carried.map(|carried| print(&carried)))
}

/// Says what is right on standard output, what is wrong on standard error.
fn check() -> ExitCode {
    let settings = match Settings::read() {
        Ok(settings) => settings,
        Err(error) => return report(Err(error)),
    };
    print("The configuration can be read.");
    let findings = rocket::async_main(sarangbang::check::check(&settings));
    for finding in &findings {
        match finding {
            Ok(right) => print(right),
            Err(wrong) => print_error(wrong),
        }
    }
    ExitCode::from(u8::from(findings.iter().any(Result::is_err)))
}

/// Logs what we say ourselves, at `info`, and nothing of Rocket's, whose lines may repeat what was typed.
/// `RUST_LOG` changes how much.
fn start_logging() {
    let wanted = Env::default().default_filter_or("warn,sarangbang=info,access=info");
    env_logger::Builder::from_env(wanted)
        .filter_module("rocket", LevelFilter::Off)
        .format(|out, record| match record.target() {
            // Rocket's too: written by its macros, in our name.
            target if target.ends_with("::_") => Ok(()),
            ACCESS_LOG_TARGET => writeln!(out, "{}", record.args()),
            _ => {
                let (at, level) = (out.timestamp_seconds(), record.level());
                writeln!(out, "{at} {level:5} {}", record.args())
            }
        })
        .init();
}

fn report(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&error);
            ExitCode::FAILURE
        }
    }
}
