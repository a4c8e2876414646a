//! The command line: reads the settings, then runs servers, a check, a backup or a restore.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Error, Result};
use env_logger::Env;
use log::LevelFilter;
use sarangbang::backup;
use sarangbang::check::check;
use sarangbang::config::Settings;
use sarangbang::controllers::ACCESS_LOG_TARGET;
use sarangbang::process::{print, print_error};
use sarangbang::run::{Servers, run};

const USAGE: &str = "\
Usage: sarangbang [COMMAND]

Without a command it runs the site and the image server, and a database engine if no database is configured.

Commands:
  site          Run the site only
  images        Run the image server only
  backup DIR    Save users, rooms, chats and pictures in a new folder, also while the site runs
  restore DIR   Restore a backup into an empty database
  check         Check the configuration, the database and the image server
  needs-engine  Exit with 0 if the site would start a database engine, else with 1
  help          Show this text

Settings come from Rocket.toml, then from the variables ROCKET_…; see README.md.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => report(run_servers(Servers::Both)),
        ["site"] => report(run_servers(Servers::Site)),
        ["images"] => report(run_servers(Servers::Images)),
        ["check"] => run_check().unwrap_or_else(|error| report(Err(error))),
        ["backup", folder] => {
            run_data_command(|settings| rocket::async_main(backup::backup(settings, Path::new(folder))))
        }
        ["restore", folder] => {
            run_data_command(|settings| rocket::async_main(backup::restore(settings, Path::new(folder))))
        }
        // Installed scripts still use the second name.
        ["needs-engine" | "wants-engine"] => needs_engine().unwrap_or_else(|error| report(Err(error))),
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

fn run_servers(servers: Servers) -> Result<()> {
    start_logging();
    // Each socket is an open file, and the usual soft limit is 1,024.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        log::warn!("limit of open files not raised: error={error}");
    }
    let settings = Settings::read()?;
    rocket::async_main(run(settings, servers, |address| print(&format!("Sarangbang is ready at {address}"))))
}

/// Runs a backup or a restore, and prints its summary.
fn run_data_command(command: impl FnOnce(&Settings) -> Result<String>) -> ExitCode {
    start_logging();
    let summary = Settings::read().and_then(|settings| command(&settings));
    report(summary.map(|summary| print(&summary)))
}

/// Prints what is right on standard output, what is wrong on standard error.
fn run_check() -> Result<ExitCode> {
    let settings = Settings::read()?;
    print("The configuration is valid.");
    let results = rocket::async_main(check(&settings));
    for result in &results {
        match result {
            Ok(sentence) => print(sentence),
            Err(error) => print_error(&sentence(error)),
        }
    }
    Ok(ExitCode::from(u8::from(results.iter().any(Result::is_err))))
}

fn needs_engine() -> Result<ExitCode> {
    Ok(ExitCode::from(u8::from(!Settings::read()?.needs_engine())))
}

/// Logs our own events at `info`, and none of Rocket's, whose lines may repeat form fields. `RUST_LOG` overrides.
fn start_logging() {
    let filter = Env::default().default_filter_or("warn,sarangbang=info,access=info");
    env_logger::Builder::from_env(filter)
        .filter_module("rocket", LevelFilter::Off)
        .format(|out, record| match record.target() {
            // Rocket's macros log under our module names.
            target if target.ends_with("::_") => Ok(()),
            ACCESS_LOG_TARGET => writeln!(out, "{}", record.args()),
            _ => {
                let (at, level) = (out.timestamp_seconds(), record.level());
                writeln!(out, "{at} {level:5} {}", record.args())
            }
        })
        .init();
}

fn report(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&sentence(&error));
            ExitCode::FAILURE
        }
    }
}

/// Returns an error with its causes as one sentence.
fn sentence(error: &Error) -> String {
    let text = format!("{error:#}");
    if text.ends_with('.') { text } else { format!("{text}.") }
}
